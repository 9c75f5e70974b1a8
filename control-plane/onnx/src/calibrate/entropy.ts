import type { ValueRange } from "../quantize/index.js";
import type { Histogram } from "./histogram.js";

/** Bins of the magnitudes and the fewest that a candidate range may have. */
const BINS = 2048;
/** Candidates lie so many bins apart. */
const STRIDE = 8;

/**
 * The end of the range that loses least information: for each candidate, the Kullback-Leibler divergence between the distribution of
 * magnitudes clipped to it, and that distribution squeezed into the integers and spread out again. After Migacz, "8-bit Inference with
 * TensorRT" (GTC 2017). Exact zeros are left out: they are expressed exactly by any range.
 *
 * @returns the magnitude at which to clip, at most the largest seen
 */
export function entropyEnd(histogram: Histogram, seen: ValueRange, symmetric: boolean): number {
  const largest = Math.max(-seen.minimum, seen.maximum);
  if (largest === 0) return 0;
  // One side of signed integers has 128 levels; a range with one side only can use all of them unless it must be symmetric.
  const levels = !symmetric && (seen.minimum === 0 || seen.maximum === 0) ? 255 : 128;
  const counts = histogram.magnitudes(BINS, largest);
  let best = BINS;
  let bestDivergence = Number.POSITIVE_INFINITY;
  let beyond = counts.subarray(levels).reduce((sum, count) => sum + count, 0);
  for (let end = levels; end <= BINS; end += STRIDE) {
    const divergence = divergenceAt(counts, end, levels, beyond);
    if (divergence <= bestDivergence) [best, bestDivergence] = [end, divergence];
    for (let bin = end; bin < Math.min(BINS, end + STRIDE); bin++) beyond -= counts[bin] ?? 0;
  }
  return best > BINS - STRIDE ? largest : (best / BINS) * largest;
}

/** Divergence of the first `end` bins, with what lies beyond counted at their end, from their `levels` averages. */
function divergenceAt(counts: Float64Array, end: number, levels: number, beyond: number): number {
  const total = counts.subarray(0, end).reduce((sum, count) => sum + count, 0);
  if (total === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * end) / levels);
    const to = Math.floor(((level + 1) * end) / levels);
    let [sum, filled] = [0, 0];
    for (let bin = from; bin < to; bin++) {
      const count = counts[bin] ?? 0;
      sum += count;
      if (count > 0 || (bin === end - 1 && beyond > 0)) filled++;
    }
    for (let bin = from; bin < to; bin++) {
      const held = (counts[bin] ?? 0) + (bin === end - 1 ? beyond : 0);
      if (held === 0) continue;
      const p = held / (total + beyond);
      // A bin that only the clipped values fill has almost nothing in the squeezed distribution.
      const q = Math.max(sum / filled / total, 1e-12);
      divergence += p * Math.log(p / q);
    }
  }
  return divergence;
}
