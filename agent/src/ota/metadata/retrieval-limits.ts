import { TRUST_LIMITS } from "@sartor/shared/protocol";

/** When a download counts as too slow. There is no limit on the whole: a slow, honest line is normal. */
export interface RetrievalLimits {
  /** The download is given up when no byte arrives for this long, ms. */
  readonly idleTimeoutMs: number;
  /** Length of the window over which the rate is judged, ms. */
  readonly windowMs: number;
  /** Least rate over a window, bytes/s; below it, somebody holds the device up ("slow retrieval", TUF specification 1.0, 1.5.2). */
  readonly minimumBytesPerSecond: number;
}

/** A line of 8 kbit/s carries 1,000 bytes/s: the floor leaves it a factor of ten for losses and for neighbours. */
export const RETRIEVAL_LIMITS: RetrievalLimits = {
  idleTimeoutMs: 30_000,
  windowMs: 30_000,
  minimumBytesPerSecond: 100,
};

/** Most bytes of a role's metadata that are accepted, whatever a signed length says. */
export function largestMetadata(role: string): number {
  if (role === "root") return TRUST_LIMITS.rootBytes;
  if (role === "timestamp") return TRUST_LIMITS.timestampBytes;
  return role === "snapshot" ? TRUST_LIMITS.snapshotBytes : TRUST_LIMITS.targetsBytes;
}

/** Judges the rate of one download, window by window. Time is passed in, ms. */
export class RateWatch {
  readonly #limits: RetrievalLimits;
  #began: number;
  #bytes = 0;

  constructor(limits: RetrievalLimits, now: number) {
    this.#limits = limits;
    this.#began = now;
  }

  /** Notes bytes that arrived; the rate of the window that ended with them when it was too low, else undefined. Bytes/s. */
  note(bytes: number, now: number): number | undefined {
    this.#bytes += bytes;
    const elapsed = now - this.#began;
    if (elapsed < this.#limits.windowMs) return undefined;
    const rate = (this.#bytes * 1_000) / elapsed;
    this.#began = now;
    this.#bytes = 0;
    return rate < this.#limits.minimumBytesPerSecond ? rate : undefined;
  }
}
