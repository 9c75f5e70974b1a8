import { type Nudge, nudgeSchema, parseMessage } from "@sartor/shared/protocol";
import type { Logger } from "../platform/index.js";

/** A nudge is a few numbers; longer than this, bytes, it is none. */
const MAXIMUM_BYTES = 4 * 1024;

export interface NudgeInboxOptions {
  readonly deviceId: string;
  readonly onNudge?: (nudge: Pick<Nudge, "generation">) => void;
  readonly logger: Logger;
}

/**
 * Takes hints that there is something new. Nothing is believed of them but that it may be worth to look: what is new, signed metadata says. So
 * repeats and old ones pass, and whoever looks finds out.
 */
export class NudgeInbox {
  readonly #is: NudgeInboxOptions;
  #invalid = 0;

  constructor(options: NudgeInboxOptions) {
    this.#is = options;
  }

  /** Messages that did not validate. */
  get invalid(): number {
    return this.#invalid;
  }

  /** Takes one message from `.../nudge`. Never throws. */
  receive(payload: Uint8Array): void {
    // An empty retained message is how MQTT deletes one (3.3.1.3).
    if (payload.byteLength === 0) return;
    const { deviceId, onNudge, logger } = this.#is;
    const result = parseMessage(nudgeSchema, payload, MAXIMUM_BYTES);
    if (!result.ok || result.value.deviceId !== deviceId) {
      this.#invalid += 1;
      const code = result.ok ? "SRT_MESSAGE_INVALID" : result.error.code;
      if (this.#invalid === 1) logger.warn("a nudge was dropped; later ones are only counted", { code });
      return;
    }
    try {
      onNudge?.({ generation: result.value.generation });
    } catch (error) {
      logger.error("a nudge could not be followed", { error });
    }
  }
}
