import { randomBytes } from "node:crypto";
import { monotonicFactory } from "ulid";
import { Clock } from "./clock.js";

/** Where ids and secrets come from; tests may hand in their own. */
export abstract class Ids {
  /** A ULID: sortable by time of making, rising even within one millisecond. */
  abstract ulid(): string;
  /** Random bytes of a secret's quality, as base64url. */
  abstract secret(bytes: number): string;
  /** Random text of a-z and 0-9, for the end of an id that people read. */
  abstract suffix(length: number): string;
}

/** Ids out of the machine's clock and its cryptographic random source. */
export class SystemIds extends Ids {
  readonly #ulid = monotonicFactory(() => randomBytes(1).readUInt8(0) / 256);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override ulid(): string {
    return this.#ulid(this.#clock.now());
  }

  override secret(bytes: number): string {
    return randomBytes(bytes).toString("base64url");
  }

  override suffix(length: number): string {
    // 32 of 36 letters, so that a byte maps evenly; those that are easily mistaken (0, 1, l, o) are the ones left out.
    const letters = "abcdefghijkmnpqrstuvwxyz23456789";
    return Array.from(randomBytes(length), (byte) => letters[byte % letters.length]).join("");
  }
}
