import { SartorError } from "@sartor/shared/errors";

/** Node's codes for a disk, or a share of it, that is used up (errno(3)). */
const FULL: readonly unknown[] = ["ENOSPC", "EDQUOT"];
/** Errors that are the cause of one another; no honest chain is longer. */
const DEPTH = 8;

/** The error for a build that had no room left to write; undefined where something else went wrong. */
export function diskFailure(thrown: unknown): SartorError | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < DEPTH; error = error.cause, depth++) {
    if (!FULL.includes((error as NodeJS.ErrnoException).code)) continue;
    const problem = "There is not enough space on the control plane's disk for the build.";
    return new SartorError("SRT_DISK_FULL", problem, { cause: thrown });
  }
  return undefined;
}
