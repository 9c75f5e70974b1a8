import { affineOf, type ByteType, fullRange, integerRange, type ValueRange } from "../quantize/index.js";
import type { ActivationStatistics } from "./activation-statistics.js";
import { entropyEnd } from "./entropy.js";
import type { Bin } from "./histogram.js";

/** How a range is found from statistics. */
export const RANGE_METHODS = ["min-max", "mean-min-max", "percentile", "least-squares", "entropy"] as const;
export type RangeMethod = (typeof RANGE_METHODS)[number];

/** The integers that a value becomes. */
export interface ActivationType {
  readonly type: ByteType;
  readonly symmetric: boolean;
}

/** Share of values that the percentile method keeps. */
const KEPT = 0.9999;
/** Fractions of an end that the least-squares search tries in its first pass. */
const COARSE = Array.from({ length: 20 }, (_, step) => 1 - step * 0.04);

/**
 * Range of a value by one method. It includes 0, and lies within the values seen.
 *
 * - `min-max`: all values.
 * - `mean-min-max`: the mean over samples of each one's least and greatest.
 * - `percentile`: 99.99 % of the values, the same share cut at both ends.
 * - `least-squares`: least mean squared rounding and clipping error.
 * - `entropy`: least Kullback-Leibler divergence (see {@link entropyEnd}).
 */
export function rangeOf(statistics: ActivationStatistics, method: RangeMethod, activation: ActivationType): ValueRange {
  const seen = withZero({ minimum: statistics.minimum, maximum: statistics.maximum });
  switch (method) {
    case "min-max":
      return seen;
    case "mean-min-max":
      return within(seen, { minimum: statistics.meanMinimum, maximum: statistics.meanMaximum });
    case "percentile":
      return within(seen, percentile(statistics.histogram.bins()));
    case "least-squares":
      return leastSquares(statistics, seen, activation);
    case "entropy": {
      const end = entropyEnd(statistics.histogram, seen, activation.symmetric);
      return within(seen, { minimum: -end, maximum: end });
    }
  }
}

/** Mean squared error of a value's elements after quantizing to a range and back, estimated from its histogram. */
export function rangeError(bins: readonly Bin[], range: ValueRange, { type, symmetric }: ActivationType): number {
  const { scale, zeroPoint } = affineOf(range, integerRange(type, symmetric), symmetric);
  const { minimum, maximum } = fullRange(type);
  const [lowest, highest] = [minimum - zeroPoint, maximum - zeroPoint];
  let [sum, total] = [0, 0];
  for (const { centre, count } of bins) {
    const step = Math.round(centre / scale);
    const kept = step < lowest ? lowest : step > highest ? highest : step;
    const difference = centre - kept * scale;
    sum += count * difference * difference;
    total += count;
  }
  return total === 0 ? 0 : sum / total;
}

/** The method with the least squared error for this value; the first of equals. */
export function bestMethodFor(
  statistics: ActivationStatistics,
  methods: readonly RangeMethod[],
  activation: ActivationType,
): RangeMethod {
  const bins = statistics.histogram.bins();
  let best: RangeMethod = methods[0] ?? "min-max";
  let bestError = Number.POSITIVE_INFINITY;
  for (const method of methods) {
    const error = rangeError(bins, rangeOf(statistics, method, activation), activation);
    if (error < bestError) [best, bestError] = [method, error];
  }
  return best;
}

/** Each end in turn, coarse and then fine around the best, while the other end stays. */
function leastSquares(statistics: ActivationStatistics, seen: ValueRange, activation: ActivationType): ValueRange {
  const bins = statistics.histogram.bins();
  let best = seen;
  let bestError = rangeError(bins, best, activation);
  const attempt = (range: ValueRange) => {
    const error = rangeError(bins, range, activation);
    if (error < bestError) [best, bestError] = [range, error];
  };
  const both = activation.symmetric;
  const largest = Math.max(-seen.minimum, seen.maximum);
  const ends = (low: number, high: number): ValueRange =>
    both
      ? within(seen, { minimum: -high * largest, maximum: high * largest })
      : { minimum: low * seen.minimum, maximum: high * seen.maximum };
  let [low, high] = [1, 1];
  const settle = (fractions: readonly number[], side: "low" | "high") => {
    for (const fraction of fractions) {
      const before = bestError;
      attempt(side === "low" ? ends(fraction, high) : ends(low, fraction));
      if (bestError < before) [low, high] = side === "low" ? [fraction, high] : [low, fraction];
    }
  };
  settle(COARSE, "high");
  if (!both && seen.minimum < 0) settle(COARSE, "low");
  settle(finer(high), "high");
  if (!both && seen.minimum < 0) settle(finer(low), "low");
  return best;
}

function finer(around: number): number[] {
  return Array.from({ length: 9 }, (_, step) => around + (step - 4) * 0.008).filter(
    (fraction) => fraction > 0 && fraction <= 1,
  );
}

function percentile(bins: readonly Bin[]): ValueRange {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const cut = (total * (1 - KEPT)) / 2;
  return { minimum: firstBeyond(bins, cut), maximum: firstBeyond(bins.toReversed(), cut) };
}

function firstBeyond(bins: readonly Bin[], cut: number): number {
  let passed = 0;
  for (const { centre, count } of bins) {
    passed += count;
    if (passed > cut) return centre;
  }
  return 0;
}

function withZero({ minimum, maximum }: ValueRange): ValueRange {
  return { minimum: Math.min(0, minimum), maximum: Math.max(0, maximum) };
}

function within(seen: ValueRange, { minimum, maximum }: ValueRange): ValueRange {
  return {
    minimum: Math.max(seen.minimum, Math.min(0, minimum)),
    maximum: Math.min(seen.maximum, Math.max(0, maximum)),
  };
}
