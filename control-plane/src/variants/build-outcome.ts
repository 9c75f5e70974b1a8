import { createHash } from "node:crypto";
import type { ErrorBody } from "@sartor/shared/errors";
import type { VariantName } from "@sartor/shared/protocol";
import { canonicalJson } from "../models/index.js";
import type { StoredBuild, StoredStep } from "./stored-build.js";

/** A variant that loses more than the policy allows was judged, not missed. */
const JUDGED: readonly string[] = ["SRT_QUANTIZE_INACCURATE", "SRT_PRUNE_INACCURATE"];

/** How a build ends whose steps have all ended: it has succeeded when each variant was made, or refused for its accuracy. */
export function outcomeOf(steps: readonly StoredStep[]): {
  readonly status: "succeeded" | "failed";
  readonly error: ErrorBody | null;
} {
  const missed = steps.flatMap(({ name, error }) =>
    error === null || JUDGED.includes(error.code) ? [] : [{ name, error }],
  );
  const [first] = missed;
  if (first === undefined) return { status: "succeeded", error: null };
  const names = missed.map(({ name, error }) => `${name} (${error.code})`).join(", ");
  return {
    status: "failed",
    error: {
      code: first.error.code,
      message: `${missed.length} of ${steps.length} variants could not be made: ${names}. Each says why.`,
    },
  };
}

/**
 * Digest of all that one variant of a build is made from, besides the version itself, which never changes. The same again is not made
 * again; anything else is, and what comes of it replaces what was offered.
 *
 * @param builder what makes it, with its version
 */
export function inputsOf(
  build: Pick<StoredBuild, "order" | "calibration" | "evaluation">,
  name: VariantName,
  builder: string,
): string {
  const { accuracy, equalise, pruning } = build.order;
  const inputs = {
    builder,
    name,
    calibration: build.calibration?.digest ?? null,
    evaluation: build.evaluation?.digest ?? null,
    accuracy,
    equalise,
    pruning: name.endsWith("-pruned") ? pruning : null,
  };
  return `sha256:${createHash("sha256").update(canonicalJson(inputs)).digest("hex")}`;
}
