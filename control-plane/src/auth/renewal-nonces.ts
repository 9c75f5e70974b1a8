import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** How long a nonce counts, ms. */
export const NONCE_LIFE_MS = 5 * 60_000;
const TIME_BYTES = 6;
const RANDOM_BYTES = 10;
const TAG_BYTES = 16;
/** Most used nonces that are remembered; more are refused until some have ended. */
const MAXIMUM_USED = 100_000;

/**
 * Nonces for late renewals. One carries its own end and is signed, so that giving them out costs no memory whoever asks; only those that
 * were used are remembered, for as long as they count. Layout: end (6 bytes, ms), random (10), HMAC-SHA-256 (16 of 32).
 */
export class RenewalNonces {
  readonly #key = randomBytes(32);
  /** Used nonces with their end, in the order of use. */
  readonly #used = new Map<string, number>();

  make(now: number): string {
    const body = Buffer.alloc(TIME_BYTES + RANDOM_BYTES);
    body.writeUIntBE(now + NONCE_LIFE_MS, 0, TIME_BYTES);
    randomBytes(RANDOM_BYTES).copy(body, TIME_BYTES);
    return Buffer.concat([body, this.#tag(body)]).toString("base64url");
  }

  /** Tells whether a nonce came from here and counts still; it may have been used. */
  isValid(nonce: string, now: number): boolean {
    const bytes = Buffer.from(nonce, "base64url");
    if (bytes.length !== TIME_BYTES + RANDOM_BYTES + TAG_BYTES || bytes.toString("base64url") !== nonce) return false;
    const body = bytes.subarray(0, TIME_BYTES + RANDOM_BYTES);
    return timingSafeEqual(this.#tag(body), bytes.subarray(body.length)) && body.readUIntBE(0, TIME_BYTES) > now;
  }

  /** Uses a valid nonce up; false when it was used before. */
  use(nonce: string, now: number): boolean {
    for (const [each, end] of this.#used) {
      if (end > now) break;
      this.#used.delete(each);
    }
    if (this.#used.has(nonce) || this.#used.size >= MAXIMUM_USED) return false;
    this.#used.set(nonce, now + NONCE_LIFE_MS);
    return true;
  }

  #tag(body: Buffer): Buffer {
    return createHmac("sha256", this.#key).update(body).digest().subarray(0, TAG_BYTES);
  }
}
