import { abortable } from "./abortable.js";

/** How far ahead of the limit a transfer may run, ms: what arrives in one piece is taken in one piece. */
const BURST_MS = 250;

/**
 * Holds transfers to so many bytes a second, all together: each piece is paid for before the next one is read, so that the peer is slowed down by
 * TCP itself and nothing is buffered here.
 */
export class BandwidthLimit {
  readonly #bytesPerSecond: number | undefined;
  readonly #now: () => number;
  /** When all that was taken so far is paid for, ms. */
  #paidAt = 0;

  /**
   * @param bytesPerSecond undefined: no limit
   * @param now ms, of a clock that is never set back
   */
  constructor(bytesPerSecond: number | undefined, now: () => number = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
  }

  /** Notes bytes that came and waits until the next ones may. @throws the signal's reason */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === undefined) return;
    const now = this.#now();
    this.#paidAt = Math.max(this.#paidAt, now - BURST_MS) + (bytes * 1_000) / this.#bytesPerSecond;
    const waitMs = this.#paidAt - now;
    if (waitMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    await abortable(promise, signal).finally(() => clearTimeout(timer));
  }
}
