import { SartorError } from "@sartor/shared/errors";

/** Lets so many pieces of work in at once, so many wait, and turns the rest away. */
export class Gate {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly limits: { readonly atOnce: number; readonly waiting: number },
    private readonly what: string,
  ) {}

  /** @throws SartorError SRT_RATE_LIMITED when too much waits already */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.limits.atOnce) {
      if (this.#waiting.length >= this.limits.waiting) {
        throw new SartorError("SRT_RATE_LIMITED", `Too many ${this.what} wait already; try again in a while.`, {
          details: { retryAfterSeconds: 10 },
        });
      }
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
