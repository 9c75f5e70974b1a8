import type { RoundFlaw } from "./round-judge.js";

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

/** Pause after a round that did not count, ms; doubled with each in a row, so that a hot device can cool. */
const DISTURBED_WAIT_MS = 500;
const LONGEST_DISTURBED_WAIT_MS = 8_000;
/** What made an outlier of a round, e.g. an interrupt, lasts about as long as the round: waiting this many rounds outlasts it. */
const OUTLIER_ROUNDS = 4;

/**
 * How long to wait after a round that did not count, ms. Heat, a lowered clock and others' work take their time; an outlier says only that this
 * round was unlike those before it, so the wait is in proportion to the round.
 *
 * @param inARow how many in a row did not count, this one included
 * @param roundMs how long the round took
 */
export function waitAfter(flaw: RoundFlaw, inARow: number, roundMs: number): number {
  const wait = Math.min(DISTURBED_WAIT_MS * 2 ** (inARow - 1), LONGEST_DISTURBED_WAIT_MS);
  return flaw === "outlier" ? Math.min(wait, OUTLIER_ROUNDS * roundMs) : wait;
}
