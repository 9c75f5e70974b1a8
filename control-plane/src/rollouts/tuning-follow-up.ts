import { isDeepStrictEqual } from "node:util";
import type { RuntimeSettings } from "@sartor/shared/protocol";
import type { StoredTuning } from "../tailoring/index.js";
import type { StoredDeployment } from "./deployment-rows.js";
import type { FixedChoice } from "./rollouts.repository.js";

/** What is known of the device when its verdict is looked at. */
export interface FollowUpContext {
  /** The deployment that the device follows now, with the settings that it was told; undefined where there is none. */
  readonly followed:
    | (Pick<StoredDeployment, "bundleId" | "status"> & { readonly runtime: RuntimeSettings | null })
    | undefined;
  /** The newest rollout that the device is in, canceled ones left out. */
  readonly newest: { readonly rolloutId: string } | undefined;
  /** The bundle of a variant. */
  readonly bundleOf: (variantId: string) => string | undefined;
}

/** What to install, or why not. */
export type FollowUp = { readonly choice: FixedChoice } | { readonly skipped: string };

/**
 * Decides whether a device is to be given what its tuning's verdict names. Not where anything newer was ordered for it: ids rise with time, so a rollout
 * with a higher id than the tuning's came later. A tuning that the device did again by itself has a new id, and is about what served when it
 * began: so that has to be what the device is told to serve still.
 */
export function followUpOf(tuning: StoredTuning, { followed, newest, bundleOf }: FollowUpContext): FollowUp {
  const { report, originId, tuningId } = tuning;
  const verdict = report?.verdict;
  if (report === null || verdict?.decision !== "switch") return { skipped: "it does not say switch" };
  const winner = tuning.candidates.find(({ candidateId }) => candidateId === verdict.candidateId);
  const bundleId = winner === undefined ? undefined : bundleOf(winner.variantId);
  if (winner === undefined || bundleId === undefined)
    return { skipped: "its candidate is not among those of the order" };
  if (originId === null && newest !== undefined && newest.rolloutId > tuningId) {
    return { skipped: `rollout ${newest.rolloutId} was ordered later` };
  }
  if (followed !== undefined && followed.status !== "succeeded") return { skipped: "a deployment is under way" };
  const incumbent = report.incumbent?.bundleId;
  if (followed !== undefined && incumbent !== undefined && incumbent !== followed.bundleId) {
    return { skipped: "the device is told to serve something else since" };
  }
  if (followed?.bundleId === bundleId && isDeepStrictEqual(followed.runtime, winner.runtime)) {
    return { skipped: "the device is told to run it already" };
  }
  const measured = report.results.find(({ candidateId }) => candidateId === winner.candidateId);
  return {
    choice: {
      bundleId,
      runtime: winner.runtime,
      tailoring: {
        variant: winner.candidate.variant.name,
        executionProvider: winner.candidate.executionProvider,
        intraOpThreads: winner.candidate.intraOpThreads,
        basis: "measured",
        latencyMs: measured?.p50Ms ?? winner.candidate.predicted.latencyMs.typical,
        reasons: [verdict.reason],
      },
    },
  };
}
