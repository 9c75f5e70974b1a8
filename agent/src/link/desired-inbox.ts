import { type DesiredState, desiredSchema, LIMITS, parseMessage } from "@sartor/shared/protocol";
import type { Logger } from "../platform/index.js";

export interface DesiredInboxOptions {
  readonly deviceId: string;
  /** Generation that the agent already acts on, from its own storage; older ones are stale. */
  readonly knownGeneration: number;
  readonly onDesired: (desired: DesiredState) => void;
  readonly logger: Logger;
}

/**
 * What comes down: validates it and lets each generation through once, rising. The generation that the agent already knew
 * passes once more after a start, so that a half-done deployment is picked up again.
 */
export class DesiredInbox {
  readonly #is: DesiredInboxOptions;
  #lowest: number;
  #invalid = 0;
  #stale = 0;

  constructor(options: DesiredInboxOptions) {
    this.#is = options;
    this.#lowest = options.knownGeneration;
  }

  /** Messages that did not validate. */
  get invalid(): number {
    return this.#invalid;
  }

  /** Messages that were older than what is known, or repeats. */
  get stale(): number {
    return this.#stale;
  }

  /** Takes one message from `.../desired`. Never throws. */
  receive(payload: Uint8Array): void {
    // An empty retained message is how MQTT deletes one (3.3.1.3): no desired state, so nothing to change.
    if (payload.byteLength === 0) return;
    const { deviceId, onDesired, logger } = this.#is;
    const result = parseMessage(desiredSchema, payload, LIMITS.mqttPacketBytes);
    if (!result.ok) {
      this.#refuse(result.error.code, result.error.message);
      return;
    }
    const desired = result.value;
    if (desired.deviceId !== deviceId) {
      this.#refuse("SRT_MESSAGE_INVALID", `The message is for device ${desired.deviceId}.`);
      return;
    }
    if (desired.generation < this.#lowest) {
      this.#stale += 1;
      logger.debug("a stale desired state was ignored", { generation: desired.generation, lowest: this.#lowest });
      return;
    }
    this.#lowest = desired.generation + 1;
    try {
      onDesired(desired);
    } catch (error) {
      // Let the same generation through again, so that the next connect is a new chance.
      this.#lowest = desired.generation;
      logger.error("the desired state could not be taken over", { generation: desired.generation, error });
    }
  }

  #refuse(code: string, message: string): void {
    this.#invalid += 1;
    if (this.#invalid === 1)
      this.#is.logger.warn("a desired state was dropped; later ones are only counted", { code, message });
  }
}
