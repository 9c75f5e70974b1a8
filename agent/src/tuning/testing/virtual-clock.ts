import type { Clock } from "../../platform/index.js";

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock whose time passes only while somebody sleeps: the earliest sleeper is woken once nobody else has anything to do. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #monotonic = 0;
  #pumping = false;
  /** Wall clock at the start, ms; may be moved, as on a device whose clock is set. */
  epoch = Date.UTC(2026, 0, 1);

  now(): number {
    return Math.round(this.epoch + this.#monotonic);
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = () => {
        this.#timers.delete(timer);
        reject(signal?.reason);
      };
      const timer = {
        at: this.#monotonic + milliseconds,
        fire: () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#timers.add(timer);
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      let next: Timer | undefined;
      for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
      if (next === undefined) return;
      this.#timers.delete(next);
      this.#monotonic = Math.max(this.#monotonic, next.at);
      next.fire();
      if (this.#timers.size > 0) this.#pump();
    });
  }
}
