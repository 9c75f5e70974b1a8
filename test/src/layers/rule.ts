import type { Target } from "./resolve-import.js";
import type { ImportEdge } from "./source-file.js";
import type { SourceFile, SourceTree } from "./source-tree.js";

/** One broken rule at one place. */
export interface Violation {
  /** Stable name of the rule. */
  readonly rule: string;
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** What stands there that should not. */
  readonly what: string;
  /** Why the rule exists. */
  readonly why: string;
  /** What to do instead. */
  readonly instead: string;
}

/** An import with everything a rule may look at. */
export interface ImportContext {
  readonly tree: SourceTree;
  readonly from: SourceFile;
  readonly edge: ImportEdge;
  readonly target: Target;
}

/** What a rule found; `why` and `instead` override the rule's own where a table knows better. */
export interface Finding {
  readonly what: string;
  readonly why?: string;
  readonly instead?: string;
}

/** A rule about single imports. */
export interface ImportRule {
  readonly id: string;
  readonly why: string;
  readonly instead: string;
  /** Returns what is wrong with this import, or undefined. */
  readonly check: (context: ImportContext) => Finding | undefined;
}
