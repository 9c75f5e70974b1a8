import type { Clock } from "../platform/index.js";

/** A clock that a test moves; the wall clock may be set apart from the monotonic one. */
export class ManualClock implements Clock {
  wall: number;
  #monotonic = 0;
  #sleepers: { readonly until: number; readonly wake: () => void }[] = [];

  constructor(wall: number) {
    this.wall = wall;
  }

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { until: this.#monotonic + milliseconds, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Lets time pass on both clocks. */
  advance(milliseconds: number): void {
    this.wall += milliseconds;
    this.#monotonic += milliseconds;
    const due = this.#sleepers.filter((sleeper) => sleeper.until <= this.#monotonic);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.until > this.#monotonic);
    for (const sleeper of due) sleeper.wake();
  }

  /** Lets time pass, and everything that waits for promises run. */
  async pass(milliseconds: number): Promise<void> {
    await settle();
    this.advance(milliseconds);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
