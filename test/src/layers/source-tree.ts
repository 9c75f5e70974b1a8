import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { PACKAGES, type PackageLayer } from "./layer-table.js";
import { type ParsedSource, parseSource } from "./source-file.js";

/** A package as found on disk. */
export interface FoundPackage extends PackageLayer {
  /** `exports` of its package.json: subpath to built file. */
  readonly exports: Readonly<Record<string, string>>;
  /** Names of npm packages it declares, for run time. */
  readonly dependencies: ReadonlySet<string>;
  /** Names it declares for development. */
  readonly devDependencies: ReadonlySet<string>;
}

/** A source file with everything the rules ask about it. Paths are relative to the root, with forward slashes. */
export interface SourceFile extends ParsedSource {
  readonly path: string;
  readonly package: FoundPackage;
  /** Path inside the package's `src/`; undefined for files beside it (bootstrap, config files). */
  readonly inSource: string | undefined;
  /** First folder under `src/`; undefined for files right under it. */
  readonly room: string | undefined;
  /** A test, or a helper of tests in a folder named testing/. */
  readonly isTest: boolean;
}

/** All sources of the repository. */
export interface SourceTree {
  readonly root: string;
  readonly packages: readonly FoundPackage[];
  readonly files: ReadonlyMap<string, SourceFile>;
  /** devDependencies of the root package.json: every test may use them. */
  readonly rootDevDependencies: ReadonlySet<string>;
}

const SOURCE_NAME = /\.(?:ts|tsx|mts|mjs|js|jsx)$/;
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "coverage", "fixtures"]);

/** Reads and parses every source file of the packages that exist under `root`. */
export function loadSourceTree(root: string): SourceTree {
  const packages = PACKAGES.filter((entry) => existsSync(join(root, entry.folder, "package.json"))).map((entry) =>
    readPackage(root, entry),
  );
  const folders = new Set(packages.map((entry) => entry.folder));
  const files = new Map<string, SourceFile>();
  for (const owner of packages) {
    for (const path of listSources(join(root, owner.folder), root, folders)) {
      files.set(path, readSource(root, path, owner));
    }
  }
  const rootManifest = join(root, "package.json");
  const rootDevDependencies = existsSync(rootManifest)
    ? keysOf(readJson(rootManifest).devDependencies)
    : new Set<string>();
  return { root, packages, files, rootDevDependencies };
}

function readPackage(root: string, entry: PackageLayer): FoundPackage {
  const manifest = readJson(join(root, entry.folder, "package.json"));
  return {
    ...entry,
    exports: (manifest.exports ?? {}) as Record<string, string>,
    dependencies: new Set([
      ...keysOf(manifest.dependencies),
      ...keysOf(manifest.optionalDependencies),
      ...keysOf(manifest.peerDependencies),
    ]),
    devDependencies: keysOf(manifest.devDependencies),
  };
}

function readSource(root: string, path: string, owner: FoundPackage): SourceFile {
  const inPackage = posix.relative(owner.folder, path);
  const inSource = inPackage.startsWith("src/") ? inPackage.slice("src/".length) : undefined;
  const parts = inSource?.split("/") ?? [];
  return {
    ...parseSource(path, readFileSync(join(root, path), "utf8")),
    path,
    package: owner,
    inSource,
    room: parts.length > 1 ? parts[0] : undefined,
    isTest: /\.test\.(?:tsx?|mjs)$|\/testing\//.test(path) || owner.name === "@sartor/test",
  };
}

/** Source files below a folder, without those of packages nested in it. */
function listSources(folder: string, root: string, packageFolders: ReadonlySet<string>): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = join(folder, entry.name);
    const path = relative(root, full).split(sep).join("/");
    if (entry.isDirectory()) {
      if (SKIPPED_FOLDERS.has(entry.name) || entry.name.startsWith(".") || packageFolders.has(path)) continue;
      found.push(...listSources(full, root, packageFolders));
    } else if (SOURCE_NAME.test(entry.name) && !entry.name.endsWith(".d.ts")) {
      found.push(path);
    }
  }
  return found.sort();
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}

function keysOf(value: unknown): Set<string> {
  return new Set(typeof value === "object" && value !== null ? Object.keys(value) : []);
}

/** The folder that a relative specifier starts from. */
export function folderOf(path: string): string {
  return dirname(path).split(sep).join("/");
}
