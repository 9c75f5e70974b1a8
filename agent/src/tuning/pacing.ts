/**
 * Keeps measuring within its share of the device's CPU: after each piece of work it says how long to pause, so that CPU time spent by
 * time passed x cores stays at the share. Time in which little was done earns nothing, so that no burst follows a quiet stretch.
 */
export class Pacer {
  readonly #perMs: number;
  #debtMs = 0;
  #spentMs = 0;

  /** @param share of all cores' time, 0 to 1 */
  constructor(share: number, cores: number) {
    this.#perMs = share * cores;
  }

  /** CPU time spent so far, ms. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** @returns the pause that pays for `cpuMs` of CPU time spent within `wallMs`, ms */
  pauseAfter(cpuMs: number, wallMs: number): number {
    this.#spentMs += cpuMs;
    this.#debtMs = Math.max(-EARNED_MS, this.#debtMs + cpuMs - wallMs * this.#perMs);
    if (this.#debtMs <= 0) return 0;
    const pause = this.#debtMs / this.#perMs;
    this.#debtMs = 0;
    return pause;
  }
}

/** CPU time is counted in ticks of 10 ms: this much is forgiven, so that a tick that falls into a short block costs no pause. */
const EARNED_MS = 20;
