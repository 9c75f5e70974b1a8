/** A value with its confidence interval. */
export interface Interval {
  readonly low: number;
  readonly typical: number;
  readonly high: number;
}

/** Enough that the ends of a 95 % interval move by about a fiftieth of its width from seed to seed. */
export const RESAMPLES = 2_000;
const LEVEL = 0.95;

/**
 * The median of some numbers with its percentile bootstrap interval. The values are drawn anew with replacement, so that nothing needs to
 * be known about how latencies are distributed; the median, so that a few wild rounds neither move the value nor widen the interval.
 * Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7 (1979); Efron and Tibshirani, "An Introduction
 * to the Bootstrap" (1993), chapter 13.
 *
 * @param values one per round; at least one
 * @param random uniform in [0, 1)
 */
export function medianInterval(values: readonly number[], random: () => number, resamples = RESAMPLES): Interval {
  const sorted = Float64Array.from(values).sort();
  const medians = new Float64Array(resamples);
  // A draw is counted at its place in the sorted list: walking over the counts finds the median without sorting each resample.
  const counts = new Uint32Array(sorted.length);
  for (let resample = 0; resample < resamples; resample++) {
    counts.fill(0);
    for (let draw = 0; draw < sorted.length; draw++) {
      const place = Math.floor(random() * sorted.length);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    medians[resample] = medianOfCounts(sorted, counts);
  }
  medians.sort();
  const at = (share: number) => medians[Math.min(resamples - 1, Math.floor(share * resamples))] ?? Number.NaN;
  const typical = medianOfCounts(sorted, new Uint32Array(sorted.length).fill(1));
  return { low: Math.min(at((1 - LEVEL) / 2), typical), typical, high: Math.max(at((1 + LEVEL) / 2), typical) };
}

function medianOfCounts(sorted: Float64Array, counts: Uint32Array): number {
  const lower = Math.ceil(sorted.length / 2);
  const upper = Math.floor(sorted.length / 2) + 1;
  let seen = 0;
  let first = Number.NaN;
  for (let place = 0; place < sorted.length; place++) {
    seen += counts[place] ?? 0;
    const value = sorted[place] ?? Number.NaN;
    if (seen >= lower && Number.isNaN(first)) first = value;
    if (seen >= upper) return (first + value) / 2;
  }
  return Number.NaN;
}
