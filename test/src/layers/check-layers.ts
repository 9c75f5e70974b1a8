import { findCycles } from "./find-cycles.js";
import { IMPORT_RULES } from "./import-rules.js";
import { ENVIRONMENT_READERS, EXCEPTIONS, ROOM_ORDERS } from "./layer-table.js";
import { resolveImport, type Target } from "./resolve-import.js";
import { TESTING } from "./room-rules.js";
import type { Violation } from "./rule.js";
import { loadSourceTree, type SourceFile, type SourceTree } from "./source-tree.js";

/** The result of a check. */
export interface LayerReport {
  readonly violations: readonly Violation[];
  readonly fileCount: number;
  readonly importCount: number;
}

/** Checks every source file under `root` against the layer rules. */
export function checkLayers(root: string): LayerReport {
  const tree = loadSourceTree(root);
  const violations: Violation[] = [];
  const graph = new Map<string, string[]>();
  let importCount = 0;

  for (const file of tree.files.values()) {
    violations.push(...fileViolations(file));
    const successors: string[] = [];
    graph.set(file.path, successors);
    for (const edge of file.imports) {
      importCount += 1;
      const target: Target =
        edge.specifier === undefined ? { kind: "unresolved" } : resolveImport(tree, file, edge.specifier);
      if (target.kind === "source" && target.file.package === file.package) successors.push(target.file.path);
      const violation = firstObjection(tree, file, edge, target);
      if (violation !== undefined) violations.push(violation);
    }
  }
  violations.push(...cycleViolations(tree, graph));
  const remaining = applyExceptions(tree, violations);
  remaining.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
  return { violations: remaining, fileCount: tree.files.size, importCount };
}

function firstObjection(
  tree: SourceTree,
  from: SourceFile,
  edge: SourceFile["imports"][number],
  target: Target,
): Violation | undefined {
  for (const rule of IMPORT_RULES) {
    const finding = rule.check({ tree, from, edge, target });
    if (finding === undefined) continue;
    const { what, why = rule.why, instead = rule.instead } = finding;
    return { rule: rule.id, path: from.path, line: edge.line, what, why, instead };
  }
  return undefined;
}

/** Drops what the table excepts, and reports exceptions that nothing needs. */
function applyExceptions(tree: SourceTree, violations: readonly Violation[]): Violation[] {
  const remaining = [...violations];
  for (const { rule, path } of EXCEPTIONS) {
    const excepted = remaining.filter((violation) => violation.rule === rule && violation.path === path);
    for (const violation of excepted) remaining.splice(remaining.indexOf(violation), 1);
    if (excepted.length > 0 || !tree.files.has(path)) continue;
    remaining.push({
      rule: "stale-exception",
      path,
      line: 1,
      what: `no longer breaks the rule ${rule}, from which the table excepts it`,
      why: "an exception that nobody needs lets the next breach through unseen",
      instead: "remove it from EXCEPTIONS in test/src/layers/layer-table.ts",
    });
  }
  return remaining;
}

/** Rules about a file by itself. */
function fileViolations(file: SourceFile): Violation[] {
  const found: Violation[] = file.syntaxErrors.map((message) => ({
    rule: "syntax",
    path: file.path,
    line: 1,
    what: `cannot be parsed: ${message}`,
    why: "a file that cannot be parsed cannot be checked",
    instead: "correct the syntax",
  }));
  const order = ROOM_ORDERS.find((entry) => entry.package === file.package.name);
  const { room } = file;
  if (
    order !== undefined &&
    room !== undefined &&
    room !== TESTING &&
    !order.tiers.some((tier) => tier.includes(room))
  ) {
    found.push({
      rule: "room-known",
      path: file.path,
      line: 1,
      what: `lies in the room ${room}/, which has no tier`,
      why: "a room without a place in the order could import anything",
      instead: "give it a tier in test/src/layers/layer-table.ts and in docs/architecture.md",
    });
  }
  if (ENVIRONMENT_READERS.some((pattern) => pattern.test(file.path))) return found;
  return found.concat(
    file.environmentReads.map((line) => ({
      rule: "environment",
      path: file.path,
      line,
      what: "reads process.env",
      why: "settings are read, checked and documented in one place",
      instead: "add a typed setting to config/ and take it as an argument",
    })),
  );
}

function cycleViolations(tree: SourceTree, graph: ReadonlyMap<string, readonly string[]>): Violation[] {
  return findCycles(graph).map((members) => {
    const path = [...members].sort()[0] ?? "";
    const others = members.filter((member) => member !== path).sort();
    const edge = tree.files.get(path)?.imports.find((candidate) => {
      const file = tree.files.get(path);
      if (file === undefined || candidate.specifier === undefined) return false;
      const target = resolveImport(tree, file, candidate.specifier);
      return target.kind === "source" && members.includes(target.file.path);
    });
    return {
      rule: "cycle",
      path,
      line: edge?.line ?? 1,
      what: `imports itself in a circle${others.length === 0 ? "" : ` through ${others.join(", ")}`}`,
      why: "files that need each other cannot be read, tested or moved alone, and start half-initialised",
      instead: "move what both need into a third file, or let one take the other as an argument",
    };
  });
}
