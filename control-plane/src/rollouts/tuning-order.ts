import type { TuningCandidate, TuningOrder } from "@sartor/shared/protocol";
import type { StoredTuning } from "../tailoring/index.js";

/**
 * What a device's desired state says of a tuning.
 *
 * @param serves the version that the device shall serve
 * @param bundleOf the bundle of a variant
 * @returns null where the device need not hear of it: it was finished, and the device has gone on to another version since, or what it
 *   measured was removed since. Undefined where the bundle of one that is under way is not known
 */
export function tuningOrderOf(
  tuning: StoredTuning,
  serves: { readonly model: string; readonly version: string } | undefined,
  bundleOf: (variantId: string) => TuningCandidate["bundle"] | undefined,
): TuningOrder | null | undefined {
  const { tuningId, model, version, budget, rules, status } = tuning;
  const ended = status !== "queued" && status !== "in_progress";
  if (ended && (serves?.model !== model || serves.version !== version)) return null;
  const candidates: TuningCandidate[] = [];
  for (const { candidateId, variantId, runtime, candidate } of tuning.candidates) {
    const bundle = bundleOf(variantId);
    if (bundle === undefined) return ended ? null : undefined;
    const { variant, executionProvider } = candidate;
    candidates.push({ candidateId, bundle, variant, executionProvider, runtime });
  }
  return { tuningId, model, version, candidates, budget, rules };
}
