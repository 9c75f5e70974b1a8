import { z } from "zod";
import type { Clock } from "../../platform/index.js";
import { DurableRecord } from "./durable-record.js";

const recordSchema = z.object({ lastVerifiedMs: z.number().int().min(0).max(8_640_000_000_000_000) });

/** What {@link TrustedTime} needs. */
export interface TrustedTimeOptions {
  /** Where the reference is kept. */
  readonly path: string;
  /** When this agent was built, ms since 1970: no honest clock is before it. */
  readonly buildTime: number;
  readonly clock: Clock;
}

/**
 * The time that expiry is judged by: the clock, but never less than the reference, which is the later of the build time and of the last time
 * that was verified, kept durably.
 *
 * Only signed statements raise the reference ({@link raise}); neither the clock nor a server's `Date` header does, so that a clock that was ten
 * years ahead for a while, or somebody on the line, leaves nothing behind: metadata looks expired meanwhile, installing waits with
 * SRT_TRUST_EXPIRED, and goes on once the clock is right. A device without a clock (1970 at each start) judges by the reference: metadata
 * that expired since the last verified time passes there, as it must, but nothing older than what was verified before does.
 */
export class TrustedTime {
  readonly #options: TrustedTimeOptions;
  readonly #record: DurableRecord<z.infer<typeof recordSchema>>;
  #reference: number;

  constructor(options: TrustedTimeOptions) {
    this.#options = options;
    this.#record = new DurableRecord(options.path, recordSchema);
    this.#reference = Math.max(options.buildTime, ...this.#record.load().map(({ lastVerifiedMs }) => lastVerifiedMs));
  }

  /** Earliest time that it can be, ms since 1970. */
  get reference(): number {
    return this.#reference;
  }

  /** Time to judge expiry by, ms since 1970. */
  now(): number {
    return Math.max(this.#options.clock.now(), this.#reference);
  }

  /**
   * Notes that a verified, signed statement was made at `statedMs`. It counts only up to `notAfterMs`, the earliest expiry of what was verified
   * along with it: a stolen online key may name any time, and one after the offline keys' own expiry would lock the device for good.
   */
  raise(statedMs: number, notAfterMs: number): void {
    const verified = Math.min(statedMs, notAfterMs);
    if (!(verified > this.#reference)) return;
    this.#reference = verified;
    this.#record.save({ lastVerifiedMs: verified });
  }
}
