import type { TailoringPolicy } from "../../protocol/index.js";
import type { DeviceCapabilities } from "../hardware/index.js";
import type { Evidence } from "./evidence.js";
import { accuracyLoss, type ModelCard, macsOf } from "./model-card.js";
import type { PowerVerdict } from "./power-limit.js";
import { optionKey } from "./predict-cost.js";
import { isFallback, type PricedOption } from "./rank-options.js";
import { counted, megabytes, milliseconds, number, percent, points, providerName, variantName } from "./wording.js";

export interface Explained {
  readonly reasons: string[];
  readonly warnings: string[];
}

const range = ({ low, typical, high }: { low: number; typical: number; high: number }): string =>
  `${milliseconds(typical)} (${number(low)} to ${number(high)})`;

function costSentence({ option, predicted }: PricedOption, evidence: Evidence | undefined, card: ModelCard): string {
  if (predicted.basis === "measured" && evidence !== undefined) {
    const age = evidence.newestAgeDays < 1 ? "today" : `${counted(Math.floor(evidence.newestAgeDays), "day")} ago`;
    return `${counted(evidence.devices, "device")} of this type measured ${milliseconds(evidence.p50Ms)} in the middle and ${milliseconds(evidence.p95Ms)} at the 95th percentile, last ${age}.`;
  }
  const macs = `${number(macsOf(option.variant, card) / 1e6)} million multiply-accumulates`;
  const where = `${providerName(option.provider.facts.name)} with ${counted(option.threads, "thread")}`;
  return predicted.basis === "calibrated"
    ? `Expected ${range(predicted.latencyMs)}: the estimate for ${where}, corrected by what this type measured with other settings.`
    : `Expected ${range(predicted.latencyMs)}, not measured yet: ${macs} on ${where}, by the profile's class of speed.`;
}

function accuracySentence({ option }: PricedOption, card: ModelCard): string | undefined {
  const { accuracy } = option.variant;
  if (accuracy === undefined) return undefined;
  const loss = accuracyLoss(option.variant, card);
  if (option.baseline || loss === undefined) return `Accuracy ${percent(accuracy)}.`;
  const compared =
    Math.abs(loss) < 1e-9 ? "as fp32" : loss > 0 ? `${points(loss)} below fp32` : `${points(-loss)} above fp32`;
  return `Accuracy ${percent(accuracy)}, ${compared}.`;
}

function threadSentence(
  { option }: PricedOption,
  capabilities: DeviceCapabilities,
  power: PowerVerdict,
): string | undefined {
  if (option.provider.facts.throughput.scale === "device") return undefined;
  if (power.kind === "switch" && option.threads === power.mode.onlineCores) {
    return `It uses all cores that run in power mode ${power.mode.name}: ${option.threads}.`;
  }
  const { fastCores, fastCore } = capabilities;
  const cores = `${fastCores} ${fastCore === undefined ? "" : `${fastCore} `}core${fastCores === 1 ? "" : "s"}`;
  const kind = fastCore === undefined ? "" : " of the fast kind";
  if (option.threads === fastCores) return `It uses ${fastCores === 1 ? "the one core" : `all ${cores}${kind}`}.`;
  return `It uses ${counted(option.threads, "thread")} of the ${cores}${kind} and leaves the rest to other work.`;
}

function prunedSentence({ option }: PricedOption, card: ModelCard): string | undefined {
  const macs = macsOf(option.variant, card);
  if (macs >= card.macs) return undefined;
  return `Channels were removed from it: it computes ${percent(1 - macs / card.macs)} less than the whole network.`;
}

/** Measured: docs/tailoring.md, "Spinning". */
const SPINNING_SENTENCE =
  "Its threads spin while they wait for work, which is faster where cores are idle and slower where other work needs them.";

/** Why a candidate stands where it stands, and what may go wrong, in plain sentences. */
export function explain(
  priced: PricedOption,
  context: {
    readonly card: ModelCard;
    readonly capabilities: DeviceCapabilities;
    readonly policy: TailoringPolicy;
    readonly evidence: ReadonlyMap<string, Evidence>;
    readonly power: PowerVerdict;
  },
): Explained {
  const { card, capabilities, policy, evidence, power } = context;
  const { option, predicted } = priced;
  const measured = evidence.get(optionKey(option));
  const reasons = [
    `${variantName(option.variant)} on ${providerName(option.provider.facts.name)}: ${option.precision.reason}.`,
    costSentence(priced, measured, card),
    accuracySentence(priced, card),
    prunedSentence(priced, card),
    threadSentence(priced, capabilities, power),
    option.spinning ? SPINNING_SENTENCE : undefined,
    power.kind === "holds" || power.kind === "switch" ? power.reason : undefined,
    isFallback(priced) && !option.spinning
      ? "It is the safe fallback: it runs everywhere and loses nothing."
      : undefined,
  ];
  const { maximumP95Ms, maximumPowerMilliwatts } = policy;
  const mayMiss =
    maximumP95Ms !== undefined && predicted.p95Ms === undefined && predicted.latencyMs.high > maximumP95Ms
      ? `It may miss the limit of ${milliseconds(maximumP95Ms)}: only a measurement can tell.`
      : undefined;
  const warnings = [
    mayMiss,
    option.precision.standing === "avoid"
      ? "The profile expects it to lose: there was nothing better, or a measurement spoke for it."
      : undefined,
    power.kind === "unknown" && predicted.powerMilliwatts === undefined && maximumPowerMilliwatts !== undefined
      ? power.warning
      : undefined,
    power.kind === "switch"
      ? "Latencies hold for the power mode that the device is in now; after the change it will be slower."
      : undefined,
    option.variant.accuracy === undefined ? "The accuracy of this variant was not measured." : undefined,
    predicted.memoryBytes > option.provider.memoryBudgetBytes * 0.8
      ? `It comes close to the memory that a model may have here (${megabytes(option.provider.memoryBudgetBytes)}).`
      : undefined,
    option.provider.installed || option.provider.facts.needs === undefined
      ? undefined
      : `It needs ${option.provider.facts.needs}.`,
  ];
  const present = (sentences: readonly (string | undefined)[]) => sentences.flatMap((sentence) => sentence ?? []);
  return { reasons: present(reasons), warnings: present(warnings) };
}
