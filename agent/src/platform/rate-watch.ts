/** The slowest delivery that is waited for. */
export interface MinimumRate {
  /** At least so many bytes... */
  readonly bytes: number;
  /** ...in each window of so much waiting, ms. */
  readonly windowMs: number;
}

/** A line of 8 kbit/s brings 60,000 bytes in this time; what brings less is a server that drips (TUF, "slow retrieval attacks"). */
export const SLOWEST_DELIVERY: MinimumRate = { bytes: 4 * 1024, windowMs: 60_000 };

/** A delivery was given up because it dripped. */
export class TooSlow extends Error {
  constructor({ bytes, windowMs }: MinimumRate) {
    super(`fewer than ${bytes} bytes came in ${windowMs} ms`);
  }
}

/** Whether that is why something failed. */
export function isTooSlow(thrown: unknown): boolean {
  return thrown instanceof TooSlow || (thrown instanceof Error && thrown.cause instanceof TooSlow);
}

/**
 * Watches the speed of a delivery and never its length: a slow line is normal, an endless drip is not. Only the time spent waiting for
 * the peer counts; while a slow disk is written, nothing does.
 */
export class RateWatch {
  readonly #minimum: MinimumRate;
  #waitedMs = 0;
  #bytes = 0;

  constructor(minimum: MinimumRate) {
    this.#minimum = minimum;
  }

  /** Notes that so many bytes came after so long a wait, ms; false when a window is full and too little came in it. */
  note(waitedMs: number, bytes: number): boolean {
    this.#waitedMs += waitedMs;
    this.#bytes += bytes;
    if (this.#waitedMs < this.#minimum.windowMs) return true;
    const enough = this.#bytes >= this.#minimum.bytes;
    this.#waitedMs = 0;
    this.#bytes = 0;
    return enough;
  }
}
