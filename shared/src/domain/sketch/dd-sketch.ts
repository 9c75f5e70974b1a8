import { SartorError } from "../../errors/index.js";
import { LIMITS, type SketchMessage } from "../../protocol/index.js";

/** Values at or below this count as zero; finer than a nanosecond in ms or a probability anybody can tell from 0. */
const SMALLEST_VALUE = 1e-9;
/** Values above this are refused, so that sums stay finite. */
const LARGEST_VALUE = 1e18;
/** Finest grid; keeps every bucket index well inside the wire format's bounds. */
const FINEST_ACCURACY = 0.001;
/** At 1 % accuracy 1,024 buckets span a ratio of 7.8e8: from a microsecond to thirteen minutes. */
const DEFAULT_BUCKETS = 1024;

/** Settings of a {@link DdSketch}. */
export interface DdSketchOptions {
  /** Largest relative error of a quantile, 0.001 to below 1; 0.01 by default. */
  readonly relativeAccuracy?: number;
  /** Most buckets kept, 1 to 2,048; beyond it the lowest are merged into one. */
  readonly maximumBuckets?: number;
}

/**
 * Distribution of non-negative values in fixed memory, mergeable, with a bound on the relative error of its quantiles.
 *
 * Source: Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees",
 * VLDB 2019: logarithmic buckets (algorithms 1 and 2), collapsing the lowest buckets when they become too many (algorithm 3),
 * merging by adding bucket for bucket (algorithm 4). After a collapse the bound holds for those quantiles that lie above
 * the merged buckets: long latencies stay exact, tiny ones blur.
 */
export class DdSketch {
  readonly relativeAccuracy: number;
  readonly maximumBuckets: number;
  readonly #gamma: number;
  readonly #logGamma: number;
  #offset = 0;
  /** Dense counts; entry k counts the values in (gamma^(offset+k-1), gamma^(offset+k)]. */
  #counts: number[] = [];
  #zeroCount = 0;
  #count = 0;
  #sum = 0;
  #minimum = Number.POSITIVE_INFINITY;
  #maximum = Number.NEGATIVE_INFINITY;

  /** @throws SartorError SRT_MESSAGE_INVALID for settings outside their range */
  constructor(options: DdSketchOptions = {}) {
    const { relativeAccuracy = 0.01, maximumBuckets = DEFAULT_BUCKETS } = options;
    if (!(relativeAccuracy >= FINEST_ACCURACY && relativeAccuracy < 1)) {
      throw invalid(`relative accuracy ${relativeAccuracy} is not between ${FINEST_ACCURACY} and 1`);
    }
    if (!Number.isInteger(maximumBuckets) || maximumBuckets < 1 || maximumBuckets > LIMITS.sketchBuckets) {
      throw invalid(`${maximumBuckets} buckets are not between 1 and ${LIMITS.sketchBuckets}`);
    }
    this.relativeAccuracy = relativeAccuracy;
    this.maximumBuckets = maximumBuckets;
    this.#gamma = (1 + relativeAccuracy) / (1 - relativeAccuracy);
    this.#logGamma = Math.log(this.#gamma);
  }

  /** How many values were added. */
  get count(): number {
    return this.#count;
  }

  /** Sum of the values added. */
  get sum(): number {
    return this.#sum;
  }

  /** Least value added, exact; undefined while empty. */
  get minimum(): number | undefined {
    return this.#count === 0 ? undefined : this.#minimum;
  }

  /** Greatest value added, exact; undefined while empty. */
  get maximum(): number | undefined {
    return this.#count === 0 ? undefined : this.#maximum;
  }

  /** Buckets in use; never more than {@link maximumBuckets}. */
  get bucketCount(): number {
    return this.#counts.length;
  }

  /**
   * Adds one value. A negative value within rounding of 0 counts as 0.
   *
   * @returns false when the value was refused: not a number, infinite, negative or above 1e18
   */
  add(value: number): boolean {
    if (!(value >= -SMALLEST_VALUE && value <= LARGEST_VALUE)) return false;
    const kept = Math.max(value, 0);
    // "+ 0" turns the -0 of values just below 1 into 0: JSON knows no -0.
    if (kept <= SMALLEST_VALUE) this.#zeroCount += 1;
    else this.#addToBucket(Math.ceil(Math.log(kept) / this.#logGamma) + 0, 1);
    this.#count += 1;
    this.#sum += kept;
    this.#minimum = Math.min(this.#minimum, kept);
    this.#maximum = Math.max(this.#maximum, kept);
    return true;
  }

  /**
   * Takes in another sketch's values: the same buckets as if all values had been added to one sketch.
   *
   * @throws SartorError SRT_MESSAGE_INVALID when the other has another relative accuracy
   */
  merge(other: DdSketch): void {
    if (other.relativeAccuracy !== this.relativeAccuracy) {
      throw invalid(`sketches of accuracy ${this.relativeAccuracy} and ${other.relativeAccuracy} do not merge`);
    }
    // From the top down, so that the range is widened once and a collapse happens at its final place.
    const counts = [...other.#counts];
    for (let k = counts.length - 1; k >= 0; k--) {
      const count = counts[k] ?? 0;
      if (count > 0) this.#addToBucket(other.#offset + k, count);
    }
    this.#zeroCount += other.#zeroCount;
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#minimum = Math.min(this.#minimum, other.#minimum);
    this.#maximum = Math.max(this.#maximum, other.#maximum);
  }

  /**
   * The value below which a share of the values lies, by the paper's lower-quantile definition (rank q * (count - 1)).
   *
   * @param q 0 to 1
   * @returns an estimate within {@link relativeAccuracy} of the true quantile; undefined while empty or for q outside 0 to 1
   */
  quantile(q: number): number | undefined {
    if (this.#count === 0 || !(q >= 0 && q <= 1)) return undefined;
    if (q === 0) return this.#minimum;
    if (q === 1) return this.#maximum;
    const rank = Math.floor(q * (this.#count - 1));
    let below = this.#zeroCount;
    if (rank < below) return 0;
    for (const [k, count] of this.#counts.entries()) {
      below += count;
      if (rank < below) return this.#clamp((2 * this.#gamma ** (this.#offset + k)) / (this.#gamma + 1));
    }
    return this.#maximum;
  }

  /** The form that travels. */
  toMessage(): SketchMessage {
    return {
      relativeAccuracy: this.relativeAccuracy,
      count: this.#count,
      sum: this.#sum,
      ...(this.#count === 0 ? {} : { minimum: this.#minimum, maximum: this.#maximum }),
      zeroCount: this.#zeroCount,
      offset: this.#offset,
      buckets: [...this.#counts],
    };
  }

  /**
   * Rebuilds a sketch that came over the wire; `message` already fits `sketchSchema`.
   *
   * @throws SartorError SRT_MESSAGE_INVALID when its parts contradict each other
   */
  static fromMessage(message: SketchMessage, maximumBuckets: number = LIMITS.sketchBuckets): DdSketch {
    const sketch = new DdSketch({ relativeAccuracy: message.relativeAccuracy, maximumBuckets });
    const total = message.buckets.reduce((sum, count) => sum + count, message.zeroCount);
    if (total !== message.count) throw invalid(`its buckets hold ${total} values, its count says ${message.count}`);
    const { minimum, maximum } = message;
    if (message.count > 0 && (minimum === undefined || maximum === undefined || minimum > maximum)) {
      throw invalid("a sketch that is not empty needs a minimum and a maximum in order");
    }
    for (let k = message.buckets.length - 1; k >= 0; k--) {
      const count = message.buckets[k] ?? 0;
      if (count > 0) sketch.#addToBucket(message.offset + k, count);
    }
    sketch.#zeroCount = message.zeroCount;
    sketch.#count = message.count;
    sketch.#sum = message.sum;
    if (message.count > 0) {
      sketch.#minimum = minimum ?? 0;
      sketch.#maximum = maximum ?? 0;
    }
    return sketch;
  }

  #clamp(value: number): number {
    return Math.min(Math.max(value, this.#minimum), this.#maximum);
  }

  #addToBucket(index: number, count: number): void {
    if (this.#counts.length === 0) this.#offset = index;
    const highest = Math.max(this.#offset + this.#counts.length - 1, index);
    this.#raiseFloor(highest - this.maximumBuckets + 1);
    // What lies below the floor belongs to the lowest bucket that is kept.
    const target = Math.max(index, highest - this.maximumBuckets + 1);
    if (target < this.#offset) {
      this.#counts.unshift(...new Array<number>(this.#offset - target).fill(0));
      this.#offset = target;
    }
    while (this.#counts.length <= target - this.#offset) this.#counts.push(0);
    this.#counts[target - this.#offset] = (this.#counts[target - this.#offset] ?? 0) + count;
  }

  /** Merges every bucket below `floor` into the one at `floor` (algorithm 3). */
  #raiseFloor(floor: number): void {
    if (this.#counts.length === 0 || this.#offset >= floor) return;
    const merged = this.#counts.splice(0, floor - this.#offset);
    const sum = merged.reduce((total, count) => total + count, 0);
    this.#offset = floor;
    this.#counts[0] = (this.#counts[0] ?? 0) + sum;
  }
}

function invalid(problem: string): SartorError {
  return new SartorError("SRT_MESSAGE_INVALID", `This sketch cannot be used: ${problem}.`);
}
