import { roomRules } from "./room-rules.js";
import type { ImportRule } from "./rule.js";

/** Every rule about a single import. The first that objects names the violation. */
export const IMPORT_RULES: readonly ImportRule[] = [
  {
    id: "literal-specifier",
    why: "an import whose path is computed cannot be checked",
    instead: "write the path as a string literal, one import for each choice",
    check: ({ edge, from }) =>
      edge.specifier === undefined && !from.isTest ? { what: "imports a path computed at run time" } : undefined,
  },
  {
    id: "built-file",
    why: "dist/ holds build results; whoever imports one depends on how another package is built",
    instead: "import the package by its name, through the entries of its package.json",
    check: ({ edge, target }) =>
      target.kind === "built" ? { what: `imports the built file ${edge.specifier}` } : undefined,
  },
  {
    id: "resolvable",
    why: "an import that leads nowhere hides from every other rule",
    instead: "correct the path; it ends in .js and starts from this file",
    check: ({ edge, target }) =>
      target.kind === "unresolved" && edge.specifier !== undefined
        ? { what: `imports ${edge.specifier}, which does not exist` }
        : undefined,
  },
  {
    id: "bootstrap-alone",
    why: "bootstrap/ runs before anything is installed or built, on the system's own Node",
    instead: "use node: modules and other bootstrap files only",
    check: ({ from, edge, target }) => {
      if (!from.path.startsWith("control-plane/cli/bootstrap/") || from.isTest) return undefined;
      const allowed =
        target.kind === "builtin" ||
        (target.kind === "source" && target.file.path.startsWith("control-plane/cli/bootstrap/"));
      return allowed ? undefined : { what: `imports ${edge.specifier}` };
    },
  },
  {
    id: "package-wall",
    why: "packages meet only where the architecture page lets them",
    instead: "move what both need into shared/",
    check: ({ from, target }) => {
      const other =
        target.kind === "source" ? target.file.package : target.kind === "no-entry" ? target.package : undefined;
      if (other === undefined || other === from.package || from.package.mayImport === "*") return undefined;
      if (from.package.mayImport.includes(other.name)) return undefined;
      const { why, instead } = from.package;
      if (other.name === "@sartor/test") {
        return {
          what: "imports @sartor/test",
          why: "tests stand above everything they test",
          instead: "move the helper",
        };
      }
      return { what: `imports ${other.name}`, why, instead };
    },
  },
  {
    id: "package-door",
    why: "a package is entered through the entries of its package.json, so that its inside can change",
    instead: "import it by name; if the entry is missing, export the thing from the room's index.ts",
    check: ({ from, edge, target }) => {
      if (target.kind === "no-entry")
        return { what: `imports ${edge.specifier}, which is no entry of ${target.package.name}` };
      if (target.kind !== "source" || target.file.package === from.package || target.bySpecifier === "package")
        return undefined;
      return { what: `reaches into ${target.file.package.name} by the path ${edge.specifier}` };
    },
  },
  {
    id: "testing-apart",
    why: "helpers of tests build what is false on purpose, and nothing of that may reach a device or a server",
    instead: "move what is true into a file of its own outside testing/",
    check: ({ from, target }) =>
      target.kind === "source" && target.file.isTest && !from.isTest
        ? { what: `imports ${target.file.path}` }
        : undefined,
  },
  ...roomRules,
  {
    id: "dashboard-types",
    why: "the page must not carry the server's schemas and code to every browser",
    instead: "write import type; for a value, ask the REST interface",
    check: ({ from, edge, target }) => {
      if (from.inSource === undefined) return undefined; // Vite's settings run at build time, not in the browser
      const shared = target.kind === "source" && target.file.package.name === "@sartor/shared";
      if (from.package.name !== "@sartor/dashboard" || from.isTest || !shared || edge.typeOnly) return undefined;
      return { what: `imports values from ${edge.specifier}` };
    },
  },
  {
    id: "query-builder",
    why: "queries stand in one place per aggregate, so that tables can change without a hunt",
    instead: "write a method in the module's *.repository.ts and call that",
    check: ({ from, edge, target }) => {
      if (target.kind !== "external" || !/^kysely/.test(target.name) || from.package.name === "@sartor/test")
        return undefined;
      if (/\.repository(?:\.test)?\.ts$/.test(from.path) || from.room === "database") return undefined;
      return { what: `imports ${edge.specifier}` };
    },
  },
  {
    id: "shared-pure",
    why: "shared/ runs on devices, on servers and in browsers, and gets clock, randomness and files passed in",
    instead: "take what you need as an argument, or move the code to the package that owns the effect",
    check: ({ from, edge, target }) =>
      from.package.name === "@sartor/shared" && !from.isTest && target.kind === "builtin"
        ? { what: `imports ${edge.specifier}` }
        : undefined,
  },
  {
    id: "declared",
    why: "a package that is not in package.json is there by luck, and missing where this one is installed alone",
    instead: "add it to this package's package.json, pinned to an exact version",
    check: ({ from, edge, target, tree }) => {
      const name = target.kind === "external" ? target.name : workspaceName(target);
      if (name === undefined || name === from.package.name) return undefined;
      const { dependencies, devDependencies } = from.package;
      if (dependencies.has(name)) return undefined;
      const forDevelopment = from.isTest || from.inSource === undefined || edge.typeOnly;
      if (forDevelopment && (devDependencies.has(name) || tree.rootDevDependencies.has(name))) return undefined;
      // The page is bundled, so nothing of it is installed anywhere.
      if (from.package.name === "@sartor/dashboard" && devDependencies.has(name)) return undefined;
      if (edge.typeOnly && devDependencies.has(`@types/${name}`)) return undefined;
      return { what: `imports ${name}, which ${from.package.folder}/package.json does not declare` };
    },
  },
];

function workspaceName(target: Parameters<ImportRule["check"]>[0]["target"]): string | undefined {
  return target.kind === "source" && target.bySpecifier === "package" ? target.file.package.name : undefined;
}
