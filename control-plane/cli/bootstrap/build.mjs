import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runStep } from "./command.mjs";
import { wantedStamp } from "./install.mjs";

const TYPES_LIMIT_MS = 3 * 60_000;
const PAGE_LIMIT_MS = 3 * 60_000;
const SKIPPED = new Set(["dist", "node_modules"]);

/** Arguments for Node that compile every package; the compiler itself skips what has not changed. */
export function compileArguments(root) {
  return [join(root, "node_modules", "typescript", "bin", "tsc"), "--build"];
}

/** Compiles every package. @throws {BootstrapError} with the compiler's messages */
export async function compile(root, node24) {
  await runStep({
    title: "compiling",
    program: node24,
    parameters: compileArguments(root),
    cwd: root,
    limitMs: TYPES_LIMIT_MS,
    tailLines: 20,
    pick: (line) => line.includes("error TS"),
    advise: () =>
      "if you changed the code, correct what the compiler names; in a fresh checkout this is our mistake, please report it.",
  });
}

/** Arguments for Node that build the dashboard, run in its folder. */
export function pageArguments(root) {
  return [join(root, "node_modules", "vite", "bin", "vite.js"), "build", "--logLevel", "warn"];
}

/** Where the dashboard's sources are. */
export function pageFolder(root) {
  return join(root, "control-plane", "dashboard");
}

/** Builds the dashboard unless it was built from exactly these sources. @returns {Promise<boolean>} whether it was built */
export async function buildPage(root, node24) {
  if (pageIsCurrent(root)) return false;
  await runStep({
    title: "building the dashboard",
    program: node24,
    parameters: pageArguments(root),
    cwd: pageFolder(root),
    limitMs: PAGE_LIMIT_MS,
    tailLines: 40,
    advise: () =>
      "if you changed the dashboard, correct what Vite names; in a fresh checkout this is our mistake, please report it.",
  });
  recordPage(root);
  return true;
}

/** Whether the built page belongs to the sources as they are. */
export function pageIsCurrent(root) {
  const stamp = pageStamp(root);
  if (!existsSync(stamp) || !existsSync(join(pageFolder(root), "dist", "site", "index.html"))) return false;
  return readFileSync(stamp, "utf8") === hashPageSources(root);
}

/** Remembers the sources that the page was built from. */
export function recordPage(root) {
  mkdirSync(join(pageFolder(root), "dist"), { recursive: true });
  writeFileSync(pageStamp(root), hashPageSources(root));
}

function pageStamp(root) {
  return join(pageFolder(root), "dist", ".site-stamp");
}

/** Everything that ends up in the page: its own sources, what it may take from shared/, and the locked packages. */
function hashPageSources(root) {
  const hash = createHash("sha256").update(wantedStamp(root));
  for (const folder of [pageFolder(root), join(root, "shared", "src")]) {
    for (const path of listFiles(folder)) hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !SKIPPED.has(entry.name) && !entry.name.endsWith(".tsbuildinfo"))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)]));
}
