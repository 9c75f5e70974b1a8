/** How often something may be done. */
export interface RateLimit {
  /** Attempts in a row that are allowed after a pause. */
  readonly burst: number;
  /** Attempts that come back each minute. */
  readonly perMinute: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * A token bucket a key (an address). Time is passed in. The number of keys is bounded: when full, the one that was
 * used longest ago is forgotten, which gives an attacker with many addresses no more than many addresses give anyway.
 */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #maximumKeys: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, maximumKeys = 10_000) {
    this.#limit = limit;
    this.#maximumKeys = maximumKeys;
  }

  /**
   * Takes one attempt.
   *
   * @param now ms; a clock that goes back gives nothing and takes nothing
   * @returns 0 when allowed, otherwise after how many ms to try again
   */
  take(key: string, now: number): number {
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: this.#limit.burst, at: now };
    const perMs = this.#limit.perMinute / 60_000;
    bucket.tokens = Math.min(this.#limit.burst, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > this.#maximumKeys && !oldest.done) this.#buckets.delete(oldest.value);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - bucket.tokens) / perMs);
  }
}
