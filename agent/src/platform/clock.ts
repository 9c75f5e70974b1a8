import { setTimeout as delay } from "node:timers/promises";

/** Time, passed in so that tests own it. */
export interface Clock {
  /** Wall clock, ms since 1970; may jump, may be wrong on a device without a battery. */
  now(): number;
  /** Monotonic time, ms; for durations and deadlines. */
  monotonic(): number;
  /** Waits; rejects with the signal's reason when aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
  },
};
