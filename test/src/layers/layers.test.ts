import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkLayers } from "./check-layers.js";
import { PACKAGES } from "./layer-table.js";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const PROGRAM = join(REPOSITORY, "test/dist/layers/main.js");

/** A small tree in which nothing is forbidden: every package, and the rooms that the cases reach for. */
const ALLOWED: Readonly<Record<string, string>> = {
  "shared/src/errors/index.ts": 'export const code = "SRT_INTERNAL";',
  "shared/src/protocol/index.ts": 'export { code } from "../errors/index.js";\nexport interface Message { id: string }',
  "shared/src/domain/fsm/index.ts": 'export { code } from "../../protocol/index.js";',
  "firmware-profiles/src/index.ts": 'export * from "@sartor/shared/protocol";',
  "agent/src/main.ts": 'import "./link/index.js";\nimport "./ota/index.js";',
  "agent/src/config/index.ts": "export const home = process.env.SARTOR_HOME;",
  "agent/src/link/index.ts": 'export { inner } from "./inner.js";',
  "agent/src/link/inner.ts":
    'import { home } from "../config/index.js";\nexport const inner = { home, ...process.env };',
  "agent/src/ota/index.ts": 'export { code } from "@sartor/shared/errors";',
  "agent/src/ota/ota.test.ts": 'import "../testing/make-bundle.js";',
  "agent/src/testing/make-bundle.ts": 'import "../link/index.js";',
  "control-plane/src/main.ts": 'import "./rollouts/index.js";',
  "control-plane/src/devices/index.ts": 'export { find } from "./devices.repository.js";',
  "control-plane/src/devices/devices.repository.ts": 'import { sql } from "kysely";\nexport const find = sql;',
  "control-plane/src/rollouts/index.ts": 'export { find } from "../devices/index.js";',
  "control-plane/onnx/src/index.ts": 'export { code } from "@sartor/shared/errors";',
  "control-plane/cli/src/index.ts": 'export { code } from "@sartor/shared/errors";',
  "control-plane/cli/bootstrap/start.mjs": 'import "node:fs";',
  "control-plane/dashboard/src/index.ts":
    'import type { Message } from "@sartor/shared/protocol";\nexport type M = Message;',
  "workloads/road-sign/src/index.ts": 'export { code } from "@sartor/shared/errors";',
  "test/src/index.ts": 'import "@sartor/agent/link";\nimport "@sartor/control-plane/rollouts";',
};

/** One forbidden import per rule: the file that is added or replaced, and what the message must say. */
const FORBIDDEN: readonly { promise: string; rule: string; path: string; text: string; says: string }[] = [
  {
    promise: "the agent imports the control plane",
    rule: "package-wall",
    path: "agent/src/ota/index.ts",
    text: 'import "@sartor/control-plane/rollouts";',
    says: "a device must run without a line of the control plane",
  },
  {
    promise: "the control plane imports the agent, even a type only",
    rule: "package-wall",
    path: "control-plane/src/devices/index.ts",
    text: 'import type { code } from "@sartor/agent/ota";\nexport type C = typeof code;',
    says: "imports @sartor/agent",
  },
  {
    promise: "shared imports a package that stands above it",
    rule: "package-wall",
    path: "shared/src/protocol/index.ts",
    text: 'export * from "@sartor/firmware-profiles";',
    says: "move the code that needs the other package out of shared/",
  },
  {
    promise: "the onnx library imports the control plane",
    rule: "package-wall",
    path: "control-plane/onnx/src/index.ts",
    text: 'import "@sartor/control-plane/devices";',
    says: "a library of its own",
  },
  {
    promise: "the command imports the control plane instead of calling it",
    rule: "package-wall",
    path: "control-plane/cli/src/index.ts",
    text: 'const { find } = await import("@sartor/control-plane/devices");\nexport { find };',
    says: "call the REST interface",
  },
  {
    promise: "a workload imports the agent",
    rule: "package-wall",
    path: "workloads/road-sign/src/index.ts",
    text: 'export { code } from "@sartor/agent/ota";',
    says: "a workload is data and tools around one model",
  },
  {
    promise: "a package imports the tests",
    rule: "package-wall",
    path: "agent/src/link/index.ts",
    text: 'import "@sartor/test";',
    says: "tests stand above everything they test",
  },
  {
    promise: "a built file is imported",
    rule: "built-file",
    path: "agent/src/link/index.ts",
    text: 'import "../../../shared/dist/errors/index.js";',
    says: "import the package by its name",
  },
  {
    promise: "another package is entered by a path",
    rule: "package-door",
    path: "agent/src/link/index.ts",
    text: 'import "../../../shared/src/errors/index.js";',
    says: "reaches into @sartor/shared by the path",
  },
  {
    promise: "another package is entered where it has no door",
    rule: "package-door",
    path: "agent/src/link/index.ts",
    text: 'import "@sartor/shared/errors/codes";',
    says: "which is no entry of @sartor/shared",
  },
  {
    promise: "rooms of the agent that stand side by side import each other",
    rule: "room-order",
    path: "agent/src/ota/index.ts",
    text: 'import "../link/index.js";',
    says: "declare the interface you need in your own room and let main.ts hand in the other room's implementation",
  },
  {
    promise: "a room of the agent imports the composition root",
    rule: "room-order",
    path: "agent/src/ota/index.ts",
    text: 'export const start = () => import("../main.js");',
    says: "imports the composition root",
  },
  {
    promise: "an earlier module of the control plane imports a later one, as an import type",
    rule: "room-order",
    path: "control-plane/src/devices/index.ts",
    text: 'export type F = import("../rollouts/index.js").find;',
    says: "emit an event that the later module listens to",
  },
  {
    promise: "the protocol imports the domain",
    rule: "room-order",
    path: "shared/src/protocol/index.ts",
    text: 'import "../domain/fsm/index.js";',
    says: "domain stands on protocol and protocol on errors",
  },
  {
    promise: "a room is entered past its index",
    rule: "room-door",
    path: "agent/src/main.ts",
    text: 'import "./link/inner.js";',
    says: "imports agent/src/link/inner.ts past link/index.ts",
  },
  {
    promise: "a room has no place in the order",
    rule: "room-known",
    path: "agent/src/misc/thing.ts",
    text: "export const lonely = 1;",
    says: "lies in the room misc/, which has no tier",
  },
  {
    promise: "a program imports a helper of tests",
    rule: "testing-apart",
    path: "agent/src/ota/index.ts",
    text: 'import "../testing/make-bundle.js";',
    says: "nothing of that may reach a device",
  },
  {
    promise: "a service uses the query builder",
    rule: "query-builder",
    path: "control-plane/src/devices/devices.service.ts",
    text: 'import { sql } from "kysely";\nexport const all = sql;',
    says: "write a method in the module's *.repository.ts",
  },
  {
    promise: "the environment is read outside config/",
    rule: "environment",
    path: "agent/src/ota/index.ts",
    text: "const { env } = process;\nexport const proxy = env;",
    says: "add a typed setting to config/",
  },
  {
    promise: "the page imports values from shared",
    rule: "dashboard-types",
    path: "control-plane/dashboard/src/index.ts",
    text: 'import { code } from "@sartor/shared/errors";\nexport { code };',
    says: "write import type",
  },
  {
    promise: "shared touches the file system",
    rule: "shared-pure",
    path: "shared/src/domain/fsm/index.ts",
    text: 'import "node:fs";',
    says: "take what you need as an argument",
  },
  {
    promise: "the bootstrap needs something installed",
    rule: "bootstrap-alone",
    path: "control-plane/cli/bootstrap/start.mjs",
    text: 'import "kysely";',
    says: "runs before anything is installed or built",
  },
  {
    promise: "a package uses what it does not declare",
    rule: "declared",
    path: "agent/src/link/index.ts",
    text: 'import "left-pad";',
    says: "agent/package.json does not declare",
  },
  {
    promise: "an import is computed",
    rule: "literal-specifier",
    path: "agent/src/link/index.ts",
    text: 'export const load = (name: string) => import("./" + name);',
    says: "a path computed at run time",
  },
  {
    promise: "an import leads nowhere",
    rule: "resolvable",
    path: "agent/src/link/index.ts",
    text: 'import "./gone.js";',
    says: "imports ./gone.js, which does not exist",
  },
  {
    promise: "two files import each other",
    rule: "cycle",
    path: "agent/src/link/inner.ts",
    text: 'import { inner as own } from "./index.js";\nexport const inner: unknown = own;',
    says: "in a circle through agent/src/link/inner.ts",
  },
  {
    promise: "a file cannot be parsed",
    rule: "syntax",
    path: "agent/src/link/index.ts",
    text: "export const = ;",
    says: "cannot be parsed",
  },
];

describe("the layer rule", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sartor-layers-"));
    for (const { folder, name, mayImport } of PACKAGES) {
      const allowed = mayImport === "*" ? PACKAGES.map((entry) => entry.name) : [...mayImport];
      const dependencies = Object.fromEntries([...allowed, "kysely"].map((entry) => [entry, "1.0.0"]));
      const exports =
        name === "@sartor/shared"
          ? {
              "./errors": "./dist/errors/index.js",
              "./protocol": "./dist/protocol/index.js",
              "./domain/*": "./dist/domain/*/index.js",
            }
          : { ".": "./dist/index.js", "./*": "./dist/*/index.js" };
      write(`${folder}/package.json`, JSON.stringify({ name, dependencies, exports }));
    }
    for (const [path, text] of Object.entries(ALLOWED)) write(path, text);
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };

  it("lets everything pass that the architecture page allows", () => {
    const report = checkLayers(root);
    expect(report.violations).toEqual([]);
    expect(report.fileCount).toBe(Object.keys(ALLOWED).length);
    expect(report.importCount).toBeGreaterThan(15);
  });

  it.each(FORBIDDEN)("refuses when $promise", ({ rule, path, text, says }) => {
    write(path, text);
    const { violations } = checkLayers(root);
    const found = violations.find((violation) => violation.rule === rule);
    expect(violations.map((violation) => violation.rule)).toContain(rule);
    expect(`${found?.what}. ${found?.why}. ${found?.instead}.`).toContain(says);
    expect(found?.line).toBeGreaterThan(0);
  });

  it("exits with 1 and names file, line, rule, reason and way out", () => {
    write("agent/src/ota/index.ts", '// first line\nimport "@sartor/control-plane/rollouts";\n');
    const run = spawnSync(process.execPath, [PROGRAM, root], { encoding: "utf8", timeout: 30_000 });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("agent/src/ota/index.ts:2  [package-wall] imports @sartor/control-plane.");
    expect(run.stderr).toContain("Why: a device must run without a line of the control plane");
    expect(run.stderr).toContain("Instead: put what both sides agree on into shared/");
    expect(run.stderr).toContain("layers: 1 broken");
  });

  it("exits with 1 where it finds nothing to check, so that a wrong folder cannot pass", () => {
    const empty = join(root, "empty");
    mkdirSync(empty);
    const run = spawnSync(process.execPath, [PROGRAM, empty], { encoding: "utf8", timeout: 30_000 });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("nothing was checked");
  });

  it("is kept by this repository", () => {
    const output = execFileSync(process.execPath, [PROGRAM, REPOSITORY], { encoding: "utf8", timeout: 60_000 });
    expect(output).toMatch(/^layers: \d+ files, \d+ imports, none forbidden\.$/m);
  });
});
