import type { PredictedCost } from "../../protocol/index.js";
import type { DeviceCapabilities, PrecisionFacts, ProviderCapability } from "../hardware/index.js";
import { candidateKey, type Evidence, TRUSTED_WEIGHT } from "./evidence.js";
import { type ModelCard, type ModelVariantCard, macsOf } from "./model-card.js";

/** Loss of every further thread, as a share of a core, and its cost of waking up, ms. */
const THREAD_LOSS = 0.12;
const THREAD_WAKE_MS = 0.01;
/** A loaded model holds its weights about twice: as read, and packed for the kernels. */
const WEIGHT_COPIES = 2;
/** What is left of the uncertainty once the same provider was measured on this type, and once the same variant was. */
const CALIBRATED = 1.5;
const CALIBRATED_SAME_VARIANT = 1.3;

/** One way to run the model, before anything is known of its cost. */
export interface Option {
  readonly variant: ModelVariantCard;
  readonly provider: ProviderCapability;
  readonly precision: PrecisionFacts;
  readonly threads: number;
  /** Whether its threads spin while they wait for work. */
  readonly spinning: boolean;
  /** Whether its variant is the network as it was trained: what a plan falls back to. */
  readonly baseline: boolean;
}

export const optionKey = (option: Option): string =>
  candidateKey(option.variant.name, option.provider.facts.name, option.threads, option.spinning);

/** Speedup against fp32 that the profile expects for this network: depthwise convolutions win less from int8. */
function speedup({ precision }: Option, card: ModelCard): { low: number; typical: number; high: number } {
  const { low, typical, high } = precision.speedup ?? { low: 1, typical: 1, high: 1 };
  const little = card.family === "depthwise" && precision.variant.startsWith("int8");
  return little ? { low, typical: Math.sqrt(low * typical), high } : { low, typical, high };
}

interface Estimate {
  readonly fixedMs: number;
  readonly computeMs: number;
  /** How many times faster and slower it may be. */
  readonly faster: number;
  readonly slower: number;
}

/**
 * Estimate by rules: fixed cost + MACs / (throughput class x clock x speedup x parallel gain). The factors of uncertainty add up
 * as independent errors do: the root of the sum of squares of their logarithms.
 */
function estimate(option: Option, card: ModelCard, capabilities: DeviceCapabilities): Estimate {
  const { throughput } = option.provider.facts;
  const gain = speedup(option, card);
  const perThread = throughput.scale === "thread";
  const clock =
    perThread && throughput.atMhz !== undefined && capabilities.clockMhz !== undefined
      ? capabilities.clockMhz / throughput.atMhz
      : 1;
  const parallel = perThread ? option.threads / (1 + THREAD_LOSS * (option.threads - 1)) : 1;
  const perSecond = throughput.gigaMacsPerSecond * 1e9 * clock * gain.typical * parallel;
  const together = (factor: number) => Math.exp(Math.hypot(Math.log(throughput.uncertainty), Math.log(factor)));
  return {
    fixedMs: throughput.overheadMs + (perThread ? THREAD_WAKE_MS * (option.threads - 1) : 0),
    computeMs: (macsOf(option.variant, card) / perSecond) * 1000,
    faster: together(gain.high / gain.typical),
    slower: together(gain.typical / gain.low),
  };
}

/** How far measurements of a provider lie from the estimates, by variant and for all together; weighted, in logarithms. */
export interface Calibration {
  factor(option: Option): { readonly factor: number; readonly sameVariant: boolean } | undefined;
}

/** Learns from every option that was measured how wrong the estimates of its provider are. */
export function calibrate(
  options: readonly Option[],
  evidence: ReadonlyMap<string, Evidence>,
  card: ModelCard,
  capabilities: DeviceCapabilities,
): Calibration {
  const sums = new Map<string, { weight: number; logarithm: number }>();
  for (const option of options) {
    const measured = evidence.get(optionKey(option));
    // The estimate is of threads that do not spin.
    if (measured === undefined || option.spinning) continue;
    const { fixedMs, computeMs } = estimate(option, card, capabilities);
    const error = Math.log(measured.p50Ms / (fixedMs + computeMs));
    const provider = option.provider.facts.name;
    for (const name of [provider, `${provider} ${option.variant.name}`]) {
      const sum = sums.get(name) ?? { weight: 0, logarithm: 0 };
      sums.set(name, { weight: sum.weight + measured.weight, logarithm: sum.logarithm + measured.weight * error });
    }
  }
  const mean = (name: string): number | undefined => {
    const sum = sums.get(name);
    return sum === undefined || sum.weight < TRUSTED_WEIGHT ? undefined : Math.exp(sum.logarithm / sum.weight);
  };
  return {
    factor: ({ variant, provider }) => {
      const own = mean(`${provider.facts.name} ${variant.name}`);
      const any = mean(provider.facts.name);
      if (own !== undefined) return { factor: own, sameVariant: true };
      return any === undefined ? undefined : { factor: any, sameVariant: false };
    },
  };
}

function estimatedMemory(option: Option, card: ModelCard): number {
  return option.provider.facts.runtimeBytes + WEIGHT_COPIES * option.variant.fileBytes + card.activationBytes;
}

/** What an option costs: as measured on this type where that is trusted, else by rules, corrected by what was measured. */
export function predictCost(
  option: Option,
  card: ModelCard,
  capabilities: DeviceCapabilities,
  evidence: ReadonlyMap<string, Evidence>,
  calibration: Calibration,
): PredictedCost {
  const measured = evidence.get(optionKey(option));
  const memory = {
    memoryBytes: measured?.memoryBytes ?? estimatedMemory(option, card),
    memoryBasis: measured?.memoryBytes === undefined ? ("estimated" as const) : ("measured" as const),
  };
  if (measured !== undefined && measured.weight >= TRUSTED_WEIGHT) {
    const { p50Ms, p95Ms, spread, devices, powerMilliwatts } = measured;
    return {
      basis: "measured",
      latencyMs: { low: p50Ms / spread, typical: p50Ms, high: p50Ms * spread },
      p95Ms,
      ...memory,
      ...(powerMilliwatts === undefined ? {} : { powerMilliwatts }),
      devices,
    };
  }
  const { fixedMs, computeMs, faster, slower } = estimate(option, card, capabilities);
  const correction = calibration.factor(option);
  const typical = (fixedMs + computeMs) * (correction?.factor ?? 1);
  const sure = correction?.sameVariant === true ? CALIBRATED_SAME_VARIANT : CALIBRATED;
  const { throughput } = option.provider.facts;
  const narrow = (factor: number): number => {
    if (correction === undefined) return factor;
    const withoutProvider = Math.sqrt(Math.max(0, Math.log(factor) ** 2 - Math.log(throughput.uncertainty) ** 2));
    const rest = correction.sameVariant ? 0 : withoutProvider;
    return Math.exp(Math.hypot(rest, Math.log(sure)));
  };
  return {
    basis: correction === undefined ? "estimated" : "calibrated",
    latencyMs: { low: typical / narrow(faster), typical, high: typical * narrow(slower) },
    ...memory,
    devices: 0,
  };
}
