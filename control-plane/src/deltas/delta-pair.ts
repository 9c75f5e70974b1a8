import { createHash } from "node:crypto";
import type { Digest } from "@sartor/shared/protocol";

/** Which difference: from files that a device holds to a file that it needs. */
export interface DeltaPair {
  readonly target: Digest;
  /** Sorted, each once. */
  readonly bases: readonly Digest[];
}

/** Names a difference: the same pair has the same, whoever asks. */
export function deltaIdOf({ target, bases }: DeltaPair): string {
  return createHash("sha256")
    .update([target, ...bases].join("\n"))
    .digest("hex");
}
