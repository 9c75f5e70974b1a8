import type { Clock, Logger } from "../platform/index.js";
import type { OutboxMessage, OutboxStore } from "../storage/index.js";

export interface OutboxPumpOptions {
  readonly outbox: OutboxStore;
  /** Sends one message; resolves when the broker acknowledged it, rejects when the connection ended. */
  readonly send: (message: OutboxMessage) => Promise<void>;
  /** Most messages that wait for their acknowledgement at once. */
  readonly window: number;
  /** A broker that acknowledges nothing for so long is taken for dead, ms. */
  readonly acknowledgementTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The broker does not acknowledge: end the connection. */
  readonly onStalled: () => void;
}

/**
 * Empties the outbox over one connection: in order, a bounded number in flight, each message removed only after its PUBACK.
 * Whatever was in flight when the connection ended is still in the outbox and goes out again over the next one, so a
 * message arrives at least once; sequences and ids in the payloads tell the receiver of repeats.
 */
export class OutboxPump {
  readonly #is: OutboxPumpOptions;
  readonly #stopped = new AbortController();
  #sentUpTo = 0;
  #inFlight = 0;
  #acknowledged: number[] = [];
  #flushScheduled = false;
  #progressAt: number;
  #idle: (() => void)[] = [];

  constructor(options: OutboxPumpOptions) {
    this.#is = options;
    this.#progressAt = options.clock.monotonic();
    void this.#watch();
  }

  /** New messages may wait: sends as many as the window allows. */
  poke(): void {
    if (this.#stopped.signal.aborted) return;
    const room = this.#is.window - this.#inFlight;
    if (room <= 0) return;
    const messages = this.#is.outbox.peek(this.#sentUpTo, room);
    if (messages.length > 0 && this.#inFlight === 0) this.#progressAt = this.#is.clock.monotonic();
    for (const message of messages) {
      this.#sentUpTo = message.id;
      this.#inFlight += 1;
      this.#is.send(message).then(
        () => this.#acknowledge(message.id),
        // Not lost: the message is still in the outbox, and the session sees by itself that the connection ended.
        () => this.stop(),
      );
    }
    this.#is.outbox.markInFlight(this.#sentUpTo);
    if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when everything was acknowledged, or when the pump was stopped. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.poke();
      if (this.#stopped.signal.aborted) for (const done of this.#idle.splice(0)) done();
    });
  }

  /** Sends nothing more; what was acknowledged until now is removed. */
  stop(): void {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    this.#removeAcknowledged();
    this.#is.outbox.markInFlight(0);
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #acknowledge(id: number): void {
    this.#inFlight -= 1;
    this.#progressAt = this.#is.clock.monotonic();
    this.#acknowledged.push(id);
    if (this.#flushScheduled || this.#stopped.signal.aborted) {
      if (this.#stopped.signal.aborted) this.#removeAcknowledged();
      return;
    }
    this.#flushScheduled = true;
    // All that one read of the socket brought is removed in one transaction: one fsync instead of sixteen.
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#removeAcknowledged();
      this.poke();
    });
  }

  #removeAcknowledged(): void {
    const ids = this.#acknowledged;
    if (ids.length === 0) return;
    this.#acknowledged = [];
    try {
      this.#is.outbox.remove(ids);
    } catch (error) {
      // They go out once more after the next connect; better twice than never.
      this.#is.logger.error("acknowledged messages could not be removed from the outbox", { error });
    }
  }

  async #watch(): Promise<void> {
    const { clock, acknowledgementTimeoutMs, logger, onStalled } = this.#is;
    try {
      for (;;) {
        await clock.sleep(acknowledgementTimeoutMs / 2, this.#stopped.signal);
        const silent = clock.monotonic() - this.#progressAt;
        if (this.#inFlight === 0 || silent < acknowledgementTimeoutMs) continue;
        logger.warn("the broker acknowledges nothing; connecting anew", { inFlight: this.#inFlight, silentMs: silent });
        onStalled();
        return;
      }
    } catch {
      // Stopped while it slept: nothing left to watch.
    }
  }
}
