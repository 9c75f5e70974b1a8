import type { ErrorBody } from "@sartor/shared/errors";
import type { Digest } from "@sartor/shared/protocol";

/** A file for the worker, whose content has the digest. */
export interface DeltaFile {
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
}

/** What the worker is asked for. */
export interface DeltaJob {
  readonly target: DeltaFile;
  readonly bases: readonly DeltaFile[];
  /** Where the difference is written. */
  readonly outputPath: string;
  /** A longer one is not worth it, and is not made to its end. */
  readonly mostBytes: number;
}

/** What came of it. `made` was applied to the bases and gave the target. */
export type DeltaOutcome = { readonly kind: "made"; readonly bytes: number } | { readonly kind: "not_worth_it" };

export type DeltaReply =
  | { readonly ok: true; readonly outcome: DeltaOutcome }
  | { readonly ok: false; readonly error: ErrorBody };
