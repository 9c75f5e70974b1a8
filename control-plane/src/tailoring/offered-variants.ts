import { candidateKey, isSpinning, type ModelCard } from "@sartor/shared/domain/tailoring";
import type { RuntimeSettings, TailoringCandidate, TailoringPlan } from "@sartor/shared/protocol";
import type { OfferedVariant } from "../variants/index.js";
import type { OrderedCandidate } from "./stored-tuning.js";

/**
 * The model as planning sees it, out of its variants' cards.
 *
 * @param variants the fp32 variant among them
 */
export function toModelCard(model: string, version: string, variants: readonly OfferedVariant[]): ModelCard {
  const reference = referenceOf(variants)?.card;
  if (reference === undefined) throw new Error(`${model} ${version} has no variant`);
  const { macs } = reference.cost;
  return {
    model,
    version,
    family: reference.network.family,
    macs,
    activationBytes: reference.network.activationBytes,
    variants: variants.map(({ name, kind, digest, bytes, card }) => ({
      name,
      kind,
      digest,
      fileBytes: bytes,
      ...(card.accuracy === null
        ? {}
        : { accuracy: card.accuracy.accuracy, referenceAccuracy: card.accuracy.referenceAccuracy }),
      ...(card.cost.macs === macs ? {} : { macs: card.cost.macs }),
    })),
  };
}

/** The variant that runs anywhere: the network as it was trained. A pruned one may be of the same kind. */
export function referenceOf(variants: readonly OfferedVariant[]): OfferedVariant | undefined {
  return variants.find(({ name }) => name === "fp32") ?? variants.find(({ kind }) => kind === "fp32") ?? variants[0];
}

/** How a device runs a candidate: the variant's own settings, with what the plan says of threads, provider and options. */
export function runtimeOf(candidate: TailoringCandidate, variant: Pick<OfferedVariant, "runtime">): RuntimeSettings {
  return {
    adapter: candidate.adapter,
    executionProviders: [candidate.executionProvider],
    intraOpThreads: candidate.intraOpThreads,
    graphOptimizationLevel: "all",
    sessionConfig: { ...variant.runtime.sessionConfig, ...candidate.sessionConfig },
    providerOptions: { ...candidate.providerOptions },
  };
}

/** Names a candidate within a tuning, as past measurements name it: "int8-u8s8 cpu 2". */
export function candidateIdOf({
  variant,
  executionProvider,
  intraOpThreads,
  sessionConfig,
}: TailoringCandidate): string {
  return candidateKey(variant.name, executionProvider, intraOpThreads, isSpinning(sessionConfig));
}

/**
 * The candidates of a plan that the device itself can run: by the agent's own runtime, on a provider that it reports.
 *
 * @param reported names of the execution providers that the device's runtime lists
 */
export function runnableCandidates(
  plan: TailoringPlan,
  variants: readonly OfferedVariant[],
  reported: readonly string[],
): OrderedCandidate[] {
  return plan.candidates.flatMap((candidate) => {
    const variant = variants.find(({ name }) => name === candidate.variant.name);
    const runs = candidate.adapter === "onnxruntime-node" && reported.includes(candidate.executionProvider);
    if (variant === undefined || !runs) return [];
    return [
      {
        candidateId: candidateIdOf(candidate),
        variantId: variant.variantId,
        runtime: runtimeOf(candidate, variant),
        candidate,
      },
    ];
  });
}
