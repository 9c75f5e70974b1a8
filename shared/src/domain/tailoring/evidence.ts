import type { TuningMeasurement } from "../../protocol/index.js";
import type { DeviceCapabilities } from "../hardware/index.js";
import { type ModelCard, macsOf } from "./model-card.js";

const DAY_MS = 86_400_000;
/** A measurement counts half after this many days: software and heat change. */
export const HALF_LIFE_DAYS = 90;
/** Older ones do not count at all. */
export const MAXIMUM_AGE_DAYS = 365;
/** Fewest runs that say something of a tail: 64 support a 90th percentile (MLPerf inference rules, early stopping). */
export const MINIMUM_RUNS = 64;
/** Runs from which one device counts fully. */
const FULL_RUNS = 200;
/** Weight of what was measured with another minor version of ONNX Runtime, and of another version of the same network. */
const OTHER_SOFTWARE = 0.5;
/** Sum of weights from which a measurement is trusted over rules: half a fresh, full device. */
export const TRUSTED_WEIGHT = 0.5;

/** What devices of one type measured of one candidate, put together. */
export interface Evidence {
  readonly key: string;
  readonly devices: number;
  /** Sum of the weights; {@link TRUSTED_WEIGHT} makes it trusted. */
  readonly weight: number;
  /** Weighted geometric means, ms. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Factor between the mean and what nearly all devices lie within, at least 1.05. */
  readonly spread: number;
  /** Highest of all devices, bytes. */
  readonly memoryBytes: number | undefined;
  /** Weighted mean, mW. */
  readonly powerMilliwatts: number | undefined;
  readonly newestAgeDays: number;
}

/** Session configuration with which threads spin while they wait for work, as ONNX Runtime spells it. Agents turn it off unless asked. */
export const SPINNING = { "session.intra_op.allow_spinning": "1" } as const;

/** Whether threads spin under a session configuration. */
export const isSpinning = (sessionConfig: Readonly<Record<string, string>>): boolean =>
  sessionConfig["session.intra_op.allow_spinning"] === "1";

/** Names a candidate: variant, provider, threads, and whether they spin. */
export const candidateKey = (variant: string, provider: string, threads: number, spinning = false): string =>
  `${variant} ${provider} ${threads}${spinning ? " spinning" : ""}`;

export interface EvidenceContext {
  readonly capabilities: DeviceCapabilities;
  readonly card: ModelCard;
  /** ONNX Runtime's version on the device. */
  readonly onnxRuntimeVersion: string;
  /** Now, ms since 1970. */
  readonly now: number;
}

const minorVersion = (version: string): string => version.split(".").slice(0, 2).join(".");
/** A device without a clock may date its measurement into the future: then it is fresh. */
const ageDays = (measurement: TuningMeasurement, now: number): number =>
  Math.max(0, now - measurement.measuredAt) / DAY_MS;

/** Whether a measurement says anything about this device and this network. */
function counts(measurement: TuningMeasurement, { capabilities, card, now }: EvidenceContext): boolean {
  const { activePowerModeId } = capabilities;
  const otherMode =
    activePowerModeId !== undefined &&
    measurement.powerModeId !== undefined &&
    measurement.powerModeId !== activePowerModeId;
  const variant = card.variants.find(({ name, kind }) => {
    return name === measurement.variant.name && kind === measurement.variant.kind;
  });
  if (variant === undefined) return false;
  // A name stands for other content once it was built anew: what its predecessor took says nothing of it.
  const otherContent = variant.digest !== undefined && measurement.variant.digest !== variant.digest;
  return (
    measurement.deviceType === capabilities.deviceType &&
    measurement.emulated === capabilities.emulated &&
    measurement.model === card.model &&
    (measurement.version === card.version ? !otherContent : measurement.macs === macsOf(variant, card)) &&
    measurement.providerVerified &&
    !measurement.throttled &&
    !otherMode &&
    measurement.runs >= MINIMUM_RUNS &&
    ageDays(measurement, now) <= MAXIMUM_AGE_DAYS
  );
}

/** How much a measurement counts, 0 to 1: fresh, with enough runs, by the same software. */
function weightOf(measurement: TuningMeasurement, { card, onnxRuntimeVersion, now }: EvidenceContext): number {
  const freshness = 0.5 ** (ageDays(measurement, now) / HALF_LIFE_DAYS);
  const sampling = Math.min(1, measurement.runs / FULL_RUNS);
  const sameRuntime = minorVersion(measurement.onnxRuntimeVersion) === minorVersion(onnxRuntimeVersion);
  return (
    freshness *
    sampling *
    (sameRuntime ? 1 : OTHER_SOFTWARE) *
    (measurement.version === card.version ? 1 : OTHER_SOFTWARE)
  );
}

interface Weighted {
  readonly measurement: TuningMeasurement;
  readonly weight: number;
}

const weightedMean = (entries: readonly Weighted[], value: (measurement: TuningMeasurement) => number): number =>
  entries.reduce((sum, { measurement, weight }) => sum + weight * value(measurement), 0) /
  entries.reduce((sum, { weight }) => sum + weight, 0);

function summarise(key: string, entries: readonly Weighted[], now: number): Evidence {
  const logarithm = weightedMean(entries, ({ p50Ms }) => Math.log(p50Ms));
  const variance = weightedMean(entries, ({ p50Ms }) => (Math.log(p50Ms) - logarithm) ** 2);
  const measured = entries.map((entry) => entry.measurement);
  const memory = measured.flatMap((measurement) => measurement.peakMemoryBytes ?? []);
  const powered = entries.filter((entry) => entry.measurement.powerMilliwatts !== undefined);
  return {
    key,
    devices: entries.length,
    weight: entries.reduce((sum, { weight }) => sum + weight, 0),
    p50Ms: Math.exp(logarithm),
    p95Ms: Math.exp(weightedMean(entries, ({ p95Ms }) => Math.log(p95Ms))),
    spread: Math.max(1.05, Math.exp(2 * Math.sqrt(variance))),
    memoryBytes: memory.length === 0 ? undefined : Math.max(...memory),
    powerMilliwatts:
      powered.length === 0 ? undefined : weightedMean(powered, (measurement) => measurement.powerMilliwatts ?? 0),
    newestAgeDays: Math.min(...measured.map((measurement) => ageDays(measurement, now))),
  };
}

/**
 * What devices of the same type measured, by candidate. Each device counts once a candidate, with its latest measurement, so that
 * a talkative device does not outvote the others. The order of the measurements makes no difference.
 */
export function gatherEvidence(
  measurements: readonly TuningMeasurement[],
  context: EvidenceContext,
): ReadonlyMap<string, Evidence> {
  const sorted = [...measurements].sort(
    (a, b) => a.measuredAt - b.measuredAt || (a.measurementId < b.measurementId ? -1 : 1),
  );
  const latest = new Map<string, Map<string, TuningMeasurement>>();
  for (const measurement of sorted.filter((entry) => counts(entry, context))) {
    const { variant, executionProvider, intraOpThreads, sessionConfig } = measurement;
    // One thread waits for nobody.
    const spinning = intraOpThreads > 1 && isSpinning(sessionConfig);
    const key = candidateKey(variant.name, executionProvider, intraOpThreads, spinning);
    const devices = latest.get(key) ?? new Map<string, TuningMeasurement>();
    latest.set(key, devices.set(measurement.deviceId, measurement));
  }
  return new Map(
    [...latest].map(([key, devices]) => {
      const entries = [...devices.values()]
        .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
        .map((measurement) => ({ measurement, weight: weightOf(measurement, context) }));
      return [key, summarise(key, entries, context.now)];
    }),
  );
}
