import { isDeepStrictEqual } from "node:util";
import type { RuntimeSettings } from "@sartor/shared/protocol";
import type { OrderedCandidate, StoredTuning } from "../tailoring/index.js";
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
  /** The newest tuning of the device, ordered or done again by itself. */
  readonly newestTuning: { readonly tuningId: string } | undefined;
  /** The bundle of a variant that is offered; undefined for one that was replaced. */
  readonly bundleOf: (variantId: string) => string | undefined;
}

/** What to install, what to measure again, or why nothing follows. */
export type FollowUp =
  | { readonly choice: FixedChoice }
  | { readonly again: readonly OrderedCandidate[] }
  | { readonly skipped: string };

/**
 * Decides what follows from a verdict: a switch is installed; where the device held back with one, it measures again once that is over. Not where
 * anything newer was ordered for it: ids rise with time, so what has a higher id than the tuning came later. A tuning that the device did again by itself has a new id, and is about what served when it
 * began: so that has to be what the device is told to serve still.
 */
export function followUpOf(tuning: StoredTuning, context: FollowUpContext): FollowUp {
  const { followed, newest, newestTuning, bundleOf } = context;
  const { report, originId, tuningId } = tuning;
  const verdict = report?.verdict;
  if (report === null || verdict == null || verdict.decision === "keep") return { skipped: "it does not say switch" };
  const holds = verdict.decision === "hold";
  const winner = tuning.candidates.find(({ candidateId }) => candidateId === verdict.candidateId);
  const bundleId = winner === undefined ? undefined : bundleOf(winner.variantId);
  if (winner === undefined) return { skipped: "its candidate is not among those of the order" };
  if (bundleId === undefined) return { skipped: `variant ${winner.candidate.variant.name} was built anew since` };
  if (newestTuning !== undefined && newestTuning.tuningId > tuningId) {
    return { skipped: `tuning ${newestTuning.tuningId} came later` };
  }
  if ((holds || originId === null) && newest !== undefined && newest.rolloutId > tuningId) {
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
  if (holds) return { again: tuning.candidates.filter(({ variantId }) => bundleOf(variantId) !== undefined) };
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
