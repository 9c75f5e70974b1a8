import { EXECUTION_PROVIDERS, type TuningCandidate } from "@sartor/shared/protocol";
import type { Incumbent } from "./ports.js";
import { isServing } from "./record.js";

/**
 * What serves, as a candidate to be measured: the order's own where it is one of them, else one made from it under a name that none
 * of them has.
 */
export function incumbentAsCandidate(incumbent: Incumbent, candidates: readonly TuningCandidate[]): TuningCandidate {
  const known = candidates.find(({ bundle, runtime }) => isServing(incumbent, bundle.bundleId, runtime));
  if (known !== undefined) return known;
  const wanted = (incumbent.runtime.executionProviders[0] ?? "cpu").replace(/ExecutionProvider$/, "").toLowerCase();
  const executionProvider = EXECUTION_PROVIDERS.find((name) => name === wanted) ?? "cpu";
  const taken = new Set(candidates.map(({ candidateId }) => candidateId));
  let candidateId = `${incumbent.variant.name} ${executionProvider} ${incumbent.runtime.intraOpThreads}`.slice(0, 200);
  while (taken.has(candidateId)) candidateId += " (serving)";
  return {
    candidateId,
    // It is installed: nothing is fetched by this size.
    bundle: { bundleId: incumbent.bundleId, manifestBytes: 0 },
    variant: incumbent.variant,
    executionProvider,
    runtime: incumbent.runtime,
  };
}
