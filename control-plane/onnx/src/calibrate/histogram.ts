/** Bins a side. At least half of a side's bins lie within the values seen, so a range is known to 1/2048 of its end or better. */
const BINS = 4096;

/**
 * Counts of float values in equal bins, over a range that need not be known in advance: when a value lies outside, the range doubles and
 * bins merge in pairs. Memory is the same however many values come, and the result does not depend on how they are split into runs as
 * long as the first non-zero value of a side is the same.
 */
class Side {
  readonly counts = new Float64Array(BINS);
  /** End of the range; a power of two, so that merging is exact. 0 until a value comes. */
  end = 0;

  /** Makes room for magnitudes up to `largest`. */
  cover(largest: number): void {
    if (largest <= 0) return;
    if (this.end === 0) this.end = 2 ** (Math.floor(Math.log2(largest)) + 1);
    while (largest >= this.end) {
      for (let bin = 0; bin < BINS / 2; bin++) {
        this.counts[bin] = (this.counts[2 * bin] ?? 0) + (this.counts[2 * bin + 1] ?? 0);
      }
      this.counts.fill(0, BINS / 2);
      this.end *= 2;
    }
  }
}

/** A bin of a {@link Histogram}: its centre and how many values fell into it. */
export interface Bin {
  readonly centre: number;
  readonly count: number;
}

/** A histogram of float values with a bin of its own for exact zeros. */
export class Histogram {
  readonly #positive = new Side();
  readonly #negative = new Side();
  #zeros = 0;

  /** Counts values, all finite, whose least and greatest are known. */
  add(values: Float32Array, minimum: number, maximum: number): void {
    this.#positive.cover(maximum);
    this.#negative.cover(-minimum);
    const positive = this.#positive.counts;
    const negative = this.#negative.counts;
    const upwards = this.#positive.end === 0 ? 0 : BINS / this.#positive.end;
    const downwards = this.#negative.end === 0 ? 0 : -BINS / this.#negative.end;
    let zeros = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as number;
      if (value > 0) {
        const bin = (value * upwards) | 0;
        positive[bin] = (positive[bin] as number) + 1;
      } else if (value < 0) {
        const bin = (value * downwards) | 0;
        negative[bin] = (negative[bin] as number) + 1;
      } else zeros++;
    }
    this.#zeros += zeros;
  }

  /** Values counted. */
  get total(): number {
    const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
    return this.#zeros + sum(this.#positive.counts) + sum(this.#negative.counts);
  }

  /** Bins that hold values, from the least value to the greatest. */
  bins(): Bin[] {
    const found: Bin[] = [];
    const negativeWidth = this.#negative.end / BINS;
    for (let bin = BINS - 1; bin >= 0; bin--) {
      const count = this.#negative.counts[bin] ?? 0;
      if (count > 0) found.push({ centre: -(bin + 0.5) * negativeWidth, count });
    }
    if (this.#zeros > 0) found.push({ centre: 0, count: this.#zeros });
    const positiveWidth = this.#positive.end / BINS;
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#positive.counts[bin] ?? 0;
      if (count > 0) found.push({ centre: (bin + 0.5) * positiveWidth, count });
    }
    return found;
  }

  /** Magnitudes in `count` equal bins from 0 to `end`; what lies beyond is counted in the last one. Zeros are left out. */
  magnitudes(count: number, end: number): Float64Array {
    const out = new Float64Array(count);
    for (const { centre, count: held } of this.bins()) {
      if (centre === 0) continue;
      const bin = Math.min(count - 1, Math.floor((Math.abs(centre) / end) * count));
      out[bin] = (out[bin] ?? 0) + held;
    }
    return out;
  }
}
