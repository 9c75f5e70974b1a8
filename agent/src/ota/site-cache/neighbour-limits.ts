/** What one neighbour may take. */
export const NEIGHBOUR_LIMITS = {
  /** Requests that are answered at the same time. */
  atOnce: 16,
  /** Requests in a minute: a bundle of 4 GiB has 16,384 chunks. */
  perMinute: 6_000,
} as const;

const MINUTE_MS = 60_000;

/** Counts requests by neighbour, so that one cannot take the cache from the others. */
export class NeighbourLimits {
  readonly #now: () => number;
  readonly #counts = new Map<string, { atOnce: number; inMinute: number }>();
  #minuteBegan: number;

  /** @param now monotonic, ms */
  constructor(now: () => number) {
    this.#now = now;
    this.#minuteBegan = now();
  }

  /** Lets a request begin; undefined where the neighbour has too many. Call what it returns when the request is over. */
  begin(deviceId: string): (() => void) | undefined {
    if (this.#now() - this.#minuteBegan >= MINUTE_MS) this.#beginMinute();
    const count = this.#counts.get(deviceId) ?? { atOnce: 0, inMinute: 0 };
    if (count.atOnce >= NEIGHBOUR_LIMITS.atOnce || count.inMinute >= NEIGHBOUR_LIMITS.perMinute) return undefined;
    count.atOnce += 1;
    count.inMinute += 1;
    this.#counts.set(deviceId, count);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      count.atOnce -= 1;
    };
  }

  #beginMinute(): void {
    this.#minuteBegan = this.#now();
    for (const [deviceId, count] of this.#counts) {
      count.inMinute = 0;
      if (count.atOnce === 0) this.#counts.delete(deviceId);
    }
  }
}
