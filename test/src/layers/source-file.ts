import { type Node, parseSync, Visitor } from "oxc-parser";

/** One import, re-export, dynamic import, `import("…")` type or `require` of a source file. */
export interface ImportEdge {
  /** What stands between the quotes; undefined when it is computed at run time. */
  readonly specifier: string | undefined;
  /** Line of the statement, from 1. */
  readonly line: number;
  /** True when nothing of it remains at run time. */
  readonly typeOnly: boolean;
}

/** What the layer rules need to know of one file. */
export interface ParsedSource {
  readonly imports: readonly ImportEdge[];
  /** Lines that read `process.env`; `{ ...process.env }`, which hands it on whole to a child process, is none. */
  readonly environmentReads: readonly number[];
  /** Messages of syntax errors; a file that cannot be parsed cannot be checked. */
  readonly syntaxErrors: readonly string[];
}

type Static = ReturnType<typeof parseSync>["module"]["staticImports"][number];

/**
 * Parses one TypeScript or JavaScript file and lists what it imports and where it reads the environment.
 *
 * The syntax tree is built only when the text hints at something the module record lacks (import types, `require`,
 * the environment), because handing the tree over to JavaScript costs most of the time.
 */
export function parseSource(fileName: string, text: string): ParsedSource {
  const parsed = parseSync(fileName, text);
  const lineOf = lineCounter(text);
  const imports: ImportEdge[] = [];
  const environmentReads: number[] = [];
  const handedOn = new Set<number>();

  for (const statement of parsed.module.staticImports) {
    imports.push({
      specifier: statement.moduleRequest.value,
      line: lineOf(statement.start),
      typeOnly: isTypeImport(statement, text),
    });
  }
  for (const statement of parsed.module.staticExports) {
    const request = statement.entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest;
    if (request === undefined || request === null) continue;
    imports.push({
      specifier: request.value,
      line: lineOf(statement.start),
      typeOnly: statement.entries.every((entry) => entry.isType),
    });
  }
  for (const dynamic of parsed.module.dynamicImports) {
    const written = text.slice(dynamic.moduleRequest.start, dynamic.moduleRequest.end);
    imports.push({ specifier: literalOf(written), line: lineOf(dynamic.start), typeOnly: false });
  }

  if (/\bimport\s*\(|\brequire\b|\benv\b/.test(text)) {
    const visitor = new Visitor({
      TSImportType: (node) => {
        imports.push({ specifier: node.source.value, line: lineOf(node.start), typeOnly: true });
      },
      CallExpression: (node) => {
        const argument = node.arguments[0];
        if (node.callee.type !== "Identifier" || node.callee.name !== "require" || argument === undefined) return;
        imports.push({ specifier: stringValue(argument), line: lineOf(node.start), typeOnly: false });
      },
      SpreadElement: (node) => {
        handedOn.add(node.argument.start);
      },
      MemberExpression: (node) => {
        if (handedOn.has(node.start)) return;
        const property = node.computed ? stringValue(node.property) : nameOf(node.property);
        if (property === "env" && isProcess(node.object)) environmentReads.push(lineOf(node.start));
      },
      VariableDeclarator: (node) => {
        if (node.id.type !== "ObjectPattern" || node.init === null || !isProcess(node.init)) return;
        const reads = node.id.properties.some((entry) => entry.type === "Property" && nameOf(entry.key) === "env");
        if (reads) environmentReads.push(lineOf(node.start));
      },
      ImportDeclaration: (node) => {
        if (!/^(node:)?process$/.test(node.source.value)) return;
        const reads = node.specifiers.some(
          (entry) => entry.type === "ImportSpecifier" && nameOf(entry.imported) === "env",
        );
        if (reads) environmentReads.push(lineOf(node.start));
      },
    });
    visitor.visit(parsed.program);
  }
  return { imports, environmentReads, syntaxErrors: parsed.errors.map((error) => error.message) };
}

/** `import type …` and imports whose every name is marked `type`; `import "x"` is no type import, for it runs code. */
function isTypeImport(statement: Static, text: string): boolean {
  if (statement.entries.length > 0) return statement.entries.every((entry) => entry.isType);
  return /^import\s+type\b/.test(text.slice(statement.start, statement.end));
}

function isProcess(node: Node): boolean {
  if (node.type === "Identifier") return node.name === "process";
  return node.type === "MemberExpression" && nameOf(node.property) === "process";
}

function nameOf(node: Node): string | undefined {
  return node.type === "Identifier" ? node.name : stringValue(node);
}

function stringValue(node: Node): string | undefined {
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

function literalOf(written: string): string | undefined {
  return /^(["'`])([^"'`$\\]*)\1$/.exec(written.trim())?.[2];
}

/** Returns a function from offset to line number. */
function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
