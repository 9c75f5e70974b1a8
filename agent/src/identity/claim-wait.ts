import { createHash } from "node:crypto";
import type { Clock, Logger } from "../platform/index.js";
import { publicKeyOf } from "./device-key.js";

/** Longest pause between two questions whether the key was claimed, ms: a person may stand beside the device. */
const LONGEST_WAIT_MS = 120_000;
/** How often the log says again what is waited for, ms. */
const SAY_AGAIN_MS = 3_600_000;

export interface ClaimWaitOptions {
  /** The device's private key, PEM. */
  readonly key: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The wait of a device without a token until an operator claims its key: how long each pause is, and what the log shows meanwhile. */
export class ClaimWait {
  readonly #is: ClaimWaitOptions;
  #asked = 0;
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: ClaimWaitOptions) {
    this.#is = options;
  }

  /**
   * Until the next question, ms: what the control plane asks for, then twice as long each time up to two minutes, and up to a fifth more, so
   * that devices that were switched on together do not ask together.
   */
  next(retryAfterMs: number): number {
    const { clock, logger, random, key } = this.#is;
    const pause = Math.max(Math.min(retryAfterMs * 2 ** Math.min(this.#asked, 20), LONGEST_WAIT_MS), retryAfterMs);
    this.#asked += 1;
    const waitMs = Math.round(pause * (1 + random() / 5));
    const now = clock.monotonic();
    if (now >= this.#saidAt + SAY_AGAIN_MS) {
      this.#saidAt = now;
      const keyFingerprint = fingerprintOfKey(key);
      logger.info("an operator has to claim this device", {
        keyFingerprint,
        command: `sartor device claim ${keyFingerprint}`,
      });
    }
    logger.debug("the device is not claimed yet", { waitMs });
    return waitMs;
  }
}

/** What a person compares: SHA-256 of the public key, hex. Computed here and not taken from anybody's answer. */
export function fingerprintOfKey(keyPem: string): string {
  return createHash("sha256").update(publicKeyOf(keyPem)).digest("hex");
}
