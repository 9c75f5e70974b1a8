import type {
  ExecutionProviderName,
  PredictedCost,
  RuledOut,
  TailoringPolicy,
  VariantKind,
} from "../../protocol/index.js";
import type { DeviceCapabilities, PrecisionFacts, ProviderCapability } from "../hardware/index.js";
import { accuracyLoss, baselineOf, type ModelCard, type ModelVariantCard } from "./model-card.js";
import type { PowerVerdict } from "./power-limit.js";
import { kindName, megabytes, milliseconds, percent, points, providerName, watts } from "./wording.js";

export type Refusal = Pick<RuledOut, "code" | "reason">;

const CONVOLUTIONAL: readonly string[] = ["convolution", "depthwise"];
const LANGUAGE: readonly string[] = ["transformer", "language_model"];

/** What a network is made of decides which variants make sense, whatever the device. Sources: docs/tailoring.md, "Rules". */
function unfitForModel(kind: VariantKind, card: ModelCard): Refusal | undefined {
  const code = "not_for_this_model" as const;
  if (kind === "int8-dynamic" && CONVOLUTIONAL.includes(card.family)) {
    return {
      code,
      reason:
        "Dynamic int8 finds ranges at every run, which costs convolutions more than int8 wins: measured 1.7 to 7 times as slow as fp32.",
    };
  }
  if (kind === "int4-weight-only" && !LANGUAGE.includes(card.family)) {
    return {
      code,
      reason:
        "int4 weights need the block-wise scales of matrix products: they destroyed a convolutional text recogniser.",
    };
  }
  return undefined;
}

/** What can be said against a variant on a provider before its cost is known. */
export function refuseVariant(
  variant: ModelVariantCard,
  provider: ExecutionProviderName,
  precision: PrecisionFacts | undefined,
  card: ModelCard,
  policy: TailoringPolicy,
): Refusal | undefined {
  if (policy.forbiddenVariants.includes(variant.kind)) {
    return { code: "forbidden_by_policy", reason: `The policy forbids ${kindName(variant.kind)}.` };
  }
  if (policy.forbiddenProviders.includes(provider)) {
    return { code: "forbidden_by_policy", reason: `The policy forbids ${providerName(provider)}.` };
  }
  if (precision === undefined) {
    return {
      code: "wrong_format",
      reason: `Nothing is known of ${kindName(variant.kind)} on ${providerName(provider)}.`,
    };
  }
  if (precision.standing === "never") return { code: "never_on_this_device", reason: `${precision.reason}.` };
  return unfitForModel(variant.kind, card) ?? refuseAccuracy(variant, card, policy);
}

function refuseAccuracy(variant: ModelVariantCard, card: ModelCard, policy: TailoringPolicy): Refusal | undefined {
  const { minimumAccuracy, maximumAccuracyLoss } = policy;
  if (minimumAccuracy === undefined && maximumAccuracyLoss === undefined) return undefined;
  const { accuracy } = variant;
  if (accuracy === undefined) {
    return {
      code: "accuracy_unknown",
      reason: "The policy limits accuracy, and that of this variant was not measured.",
    };
  }
  if (minimumAccuracy !== undefined && accuracy < minimumAccuracy) {
    return {
      code: "accuracy_too_low",
      reason: `Its accuracy of ${percent(accuracy)} is below the ${percent(minimumAccuracy)} that the policy demands.`,
    };
  }
  if (maximumAccuracyLoss === undefined || variant.name === baselineOf(card)?.name) return undefined;
  const loss = accuracyLoss(variant, card);
  if (loss === undefined) {
    return {
      code: "accuracy_unknown",
      reason: "The policy limits the loss against fp32, and the accuracy of fp32 was not measured.",
    };
  }
  // Accuracies are shares of a finite set; a difference below 1e-9 is rounding, not a lost sample.
  if (loss <= maximumAccuracyLoss + 1e-9) return undefined;
  return {
    code: "accuracy_too_low",
    reason: `It loses ${points(loss)} of accuracy against fp32; the policy allows ${points(maximumAccuracyLoss)}.`,
  };
}

/** What can be said against an option once its cost is predicted: only what holds even in the most favourable case. */
export function refuseCost(
  predicted: PredictedCost,
  provider: ProviderCapability,
  policy: TailoringPolicy,
  power: PowerVerdict,
): Refusal | undefined {
  const { maximumP95Ms, maximumMemoryBytes, maximumPowerMilliwatts } = policy;
  if (maximumP95Ms !== undefined && predicted.p95Ms !== undefined && predicted.p95Ms > maximumP95Ms) {
    return {
      code: "too_slow",
      reason: `Devices of this type measured ${milliseconds(predicted.p95Ms)} at the 95th percentile; the policy allows ${milliseconds(maximumP95Ms)}.`,
    };
  }
  if (maximumP95Ms !== undefined && predicted.p95Ms === undefined && predicted.latencyMs.low > maximumP95Ms) {
    return {
      code: "too_slow",
      reason: `Even the most favourable estimate is ${milliseconds(predicted.latencyMs.low)}; the policy allows ${milliseconds(maximumP95Ms)}.`,
    };
  }
  const how = predicted.memoryBasis === "measured" ? "It took" : "It is estimated to take";
  if (predicted.memoryBytes > provider.memoryBudgetBytes) {
    return {
      code: "too_much_memory",
      reason: `${how} ${megabytes(predicted.memoryBytes)}; a model may have ${megabytes(provider.memoryBudgetBytes)} here. ${provider.memoryReason}.`,
    };
  }
  if (maximumMemoryBytes !== undefined && predicted.memoryBytes > maximumMemoryBytes) {
    return {
      code: "too_much_memory",
      reason: `${how} ${megabytes(predicted.memoryBytes)}; the policy allows ${megabytes(maximumMemoryBytes)}.`,
    };
  }
  const { powerMilliwatts } = predicted;
  if (
    maximumPowerMilliwatts !== undefined &&
    powerMilliwatts !== undefined &&
    powerMilliwatts > maximumPowerMilliwatts
  ) {
    return {
      code: "too_much_power",
      reason: `Devices of this type drew ${watts(powerMilliwatts)} with it; the policy allows ${watts(maximumPowerMilliwatts)}.`,
    };
  }
  if (power.kind === "impossible" && powerMilliwatts === undefined)
    return { code: "too_much_power", reason: power.reason };
  return undefined;
}

/** The facts of a variant on a provider. */
export function precisionOf(
  capabilities: DeviceCapabilities,
  kind: VariantKind,
  provider: ExecutionProviderName,
): PrecisionFacts | undefined {
  return capabilities.precisions.find((entry) => entry.variant === kind && entry.provider === provider);
}
