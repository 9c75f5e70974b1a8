import { rateLimited } from "./rate-limited.js";

/** How much work a {@link Gate} takes. */
export interface GateLimits {
  readonly atOnce: number;
  readonly waiting: number;
  /** After how long those who are turned away may try again, ms; 10 s by default. */
  readonly tryAgainMs?: number;
}

/** Lets so many pieces of work in at once, so many wait, and turns the rest away. */
export class Gate {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly limits: GateLimits,
    private readonly what: string,
  ) {}

  /** @throws SartorError SRT_RATE_LIMITED when too much waits already */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { atOnce, waiting, tryAgainMs = 10_000 } = this.limits;
    if (this.#running >= atOnce) {
      if (this.#waiting.length >= waiting) throw rateLimited(`Too many ${this.what} wait already`, tryAgainMs);
      // The one that ends hands its place over, so the count stays.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
