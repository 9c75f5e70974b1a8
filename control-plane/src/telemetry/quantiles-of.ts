import type { SketchMessage } from "@sartor/shared/protocol";

/**
 * Quantiles of a sketch as it came over the wire: the same numbers as of a `DdSketch` rebuilt from it, in one pass over its buckets (rebuilding
 * one of 2,048 buckets costs a hundred times as much, and a fleet sends many).
 *
 * Source: Masson, Rim, Lee, "DDSketch", VLDB 2019, algorithm 2, with the lower-quantile rank q * (count - 1).
 *
 * @param wanted quantiles by name, each 0 to 1
 * @returns null for an empty sketch and for one that contradicts itself
 */
export function quantilesOf<K extends string>(
  sketch: SketchMessage | undefined,
  wanted: Readonly<Record<K, number>>,
): Record<K, number> | null {
  if (sketch === undefined || sketch.count === 0) return null;
  const { minimum, maximum } = sketch;
  if (minimum === undefined || maximum === undefined || minimum > maximum) return null;
  const rising = Object.entries<number>(wanted).sort(([, left], [, right]) => left - right);
  const found: [string, number][] = [];
  const gamma = (1 + sketch.relativeAccuracy) / (1 - sketch.relativeAccuracy);
  let below = sketch.zeroCount;
  /** Buckets counted into `below`. */
  let counted = 0;
  for (const [name, q] of rising) {
    const rank = Math.floor(q * (sketch.count - 1));
    while (rank >= below && counted < sketch.buckets.length) below += sketch.buckets[counted++] ?? 0;
    if (rank >= below) return null;
    if (q === 0) found.push([name, minimum]);
    else if (q === 1) found.push([name, maximum]);
    else if (counted === 0) found.push([name, 0]);
    else {
      const value = (2 * gamma ** (sketch.offset + counted - 1)) / (gamma + 1);
      found.push([name, Math.min(Math.max(value, minimum), maximum)]);
    }
  }
  return Object.fromEntries(found) as Record<K, number>;
}
