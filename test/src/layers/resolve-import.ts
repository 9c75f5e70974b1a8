import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { type FoundPackage, folderOf, type SourceFile, type SourceTree } from "./source-tree.js";

/** Where an import leads. */
export type Target =
  /** A source file of this repository. */
  | { readonly kind: "source"; readonly file: SourceFile; readonly bySpecifier: "relative" | "package" }
  /** A file of this repository that is no source: a style sheet, JSON, an image. */
  | { readonly kind: "asset"; readonly path: string }
  /** A built file, or another path that no import may name. */
  | { readonly kind: "built"; readonly path: string }
  /** A workspace package that has no such entry. */
  | { readonly kind: "no-entry"; readonly package: FoundPackage }
  | { readonly kind: "builtin"; readonly name: string }
  /** An npm package from outside. */
  | { readonly kind: "external"; readonly name: string }
  | { readonly kind: "unresolved" };

/** Finds what a specifier written in `from` means, as Node and the compiler do, but down to the source file. */
export function resolveImport(tree: SourceTree, from: SourceFile, specifier: string): Target {
  const bare = specifier.replace(/\?[a-z&=]*$/, "");
  if (bare.startsWith(".")) return resolveRelative(tree, from, bare);
  if (isBuiltin(bare)) return { kind: "builtin", name: bare };
  const name = packageName(bare);
  const workspace = tree.packages.find((entry) => entry.name === name);
  if (workspace === undefined) {
    return bare.startsWith("/") || bare.startsWith("#") ? { kind: "unresolved" } : { kind: "external", name };
  }
  return resolveWorkspace(tree, workspace, bare);
}

function resolveRelative(tree: SourceTree, from: SourceFile, specifier: string): Target {
  const path = posix.normalize(posix.join(folderOf(from.path), specifier));
  if (/(?:^|\/)dist\//.test(path)) return { kind: "built", path };
  const file = sourceAt(tree, path);
  if (file !== undefined) return { kind: "source", file, bySpecifier: "relative" };
  return existsSync(join(tree.root, path)) && !path.endsWith("/") && /\.[a-z0-9]+$/.test(path)
    ? { kind: "asset", path }
    : { kind: "unresolved" };
}

function resolveWorkspace(tree: SourceTree, workspace: FoundPackage, specifier: string): Target {
  const subpath = specifier === workspace.name ? "." : `.${specifier.slice(workspace.name.length)}`;
  if (subpath.includes("/dist/")) return { kind: "built", path: specifier };
  const built = exportedFile(workspace.exports, subpath);
  if (built === undefined) return { kind: "no-entry", package: workspace };
  const source = posix.join(workspace.folder, built.replace(/^\.\/dist\//, "src/"));
  const file = sourceAt(tree, source);
  return file === undefined
    ? { kind: "no-entry", package: workspace }
    : { kind: "source", file, bySpecifier: "package" };
}

/** Looks a subpath up in `exports`: an exact entry first, then the pattern with the longest prefix. */
function exportedFile(exports: Readonly<Record<string, string>>, subpath: string): string | undefined {
  const exact = exports[subpath];
  if (exact !== undefined) return exact;
  const patterns = Object.keys(exports)
    .filter((key) => key.endsWith("*") && subpath.startsWith(key.slice(0, -1)))
    .sort((a, b) => b.length - a.length);
  const best = patterns[0];
  return best === undefined ? undefined : exports[best]?.replaceAll("*", subpath.slice(best.length - 1));
}

/** The source that compiles to `path` (`x.js` comes from `x.ts` or `x.tsx`), or `path` itself. */
function sourceAt(tree: SourceTree, path: string): SourceFile | undefined {
  const candidates = [
    path,
    path.replace(/\.js$/, ".ts"),
    path.replace(/\.js$/, ".tsx"),
    path.replace(/\.mjs$/, ".mts"),
  ];
  for (const candidate of candidates) {
    const file = tree.files.get(candidate);
    if (file !== undefined) return file;
  }
  return undefined;
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
