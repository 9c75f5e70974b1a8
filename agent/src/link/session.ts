import { SartorError } from "@sartor/shared/errors";
import { PROTOCOL_VERSION, type PresenceEvent, topicOf } from "@sartor/shared/protocol";
import type { Clock, Logger, TlsIdentity } from "../platform/index.js";
import type { OutboxStore } from "../storage/index.js";
import { LOST_BACKOFF, planBackoff, REFUSED_BACKOFF } from "./backoff.js";
import { type Connection, openConnection } from "./connection.js";
import { OutboxPump } from "./outbox-pump.js";

/** A connection that held for so long shows that the broker is well: the next wait is a short one again, ms. */
const STABLE_AFTER_MS = 30_000;
/** Longest wait for one answer that the session itself needs (SUBACK, presence, goodbye), ms. */
const ANSWER_TIMEOUT_MS = 10_000;
const GOODBYE_TIMEOUT_MS = 2_000;

export interface SessionOptions {
  readonly url: string;
  readonly deviceId: string;
  readonly tls: TlsIdentity;
  readonly keepaliveSeconds: number;
  readonly connectTimeoutMs: number;
  /** Most messages that wait for their acknowledgement at once. */
  readonly window: number;
  readonly acknowledgementTimeoutMs: number;
  readonly outbox: OutboxStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Names one connection, so that a will that arrives late is known as stale. */
  readonly newSessionId: () => string;
  readonly onConnected: () => void;
  /** The control plane's hint that there is something new. */
  readonly onNudge: (payload: Uint8Array) => void;
  /** The broker refused the certificate. */
  readonly onCertificateRefused: () => void;
}

interface Live {
  readonly connection: Connection;
  readonly pump: OutboxPump;
  readonly sessionId: string;
}

/** Keeps one MQTT session alive: connects, subscribes, says that it is online, empties the outbox, and begins again when the line breaks. */
export class Session {
  readonly #is: SessionOptions;
  readonly #stopping = new AbortController();
  #live: Live | undefined;
  #failures = 0;
  #lastCode: string | undefined;
  #running: Promise<void> | undefined;
  /** Ends a wait between two attempts. */
  #waiting = new AbortController();
  #isRenewing = false;

  constructor(options: SessionOptions) {
    this.#is = options;
  }

  get connected(): boolean {
    return this.#live !== undefined;
  }

  /** Begins; returns at once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** A message was put into the outbox. */
  poke(): void {
    this.#live?.pump.poke();
  }

  /** The certificate was exchanged: goes over to a connection with the new one, without waiting and without a will. */
  async renew(): Promise<void> {
    this.#isRenewing = true;
    this.#waiting.abort();
    const live = this.#live;
    if (live === undefined) return;
    await this.#within(GOODBYE_TIMEOUT_MS, live.pump.drained());
    live.pump.stop();
    await this.#within(GOODBYE_TIMEOUT_MS, live.connection.end());
    live.connection.destroy();
  }

  /**
   * Ends: empties the outbox for a bounded time, then says that the device goes offline (last, so that nothing comes after it),
   * then disconnects. What is left stays in the outbox.
   */
  async stop(drainMs: number): Promise<void> {
    this.#stopping.abort();
    const live = this.#live;
    if (live !== undefined) {
      await this.#within(drainMs, live.pump.drained());
      live.pump.stop();
      const said = await this.#within(
        GOODBYE_TIMEOUT_MS,
        live.connection.publish(this.#presence(live.sessionId, "offline", "shutdown")),
      );
      if (said) await this.#within(GOODBYE_TIMEOUT_MS, live.connection.end());
      live.connection.destroy();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#is;
    while (!this.#stopping.signal.aborted) {
      const begun = clock.monotonic();
      const ended = await this.#connectAndServe();
      if (this.#stopping.signal.aborted) return;
      if (this.#isRenewing) {
        this.#isRenewing = false;
        this.#failures = 0;
        continue;
      }
      const refused = ended.code === "SRT_UNAUTHENTICATED" || ended.code === "SRT_CERTIFICATE_EXPIRED";
      if (refused) this.#is.onCertificateRefused();
      if (clock.monotonic() - begun >= STABLE_AFTER_MS || ended.code !== this.#lastCode) this.#failures = 0;
      this.#failures += 1;
      this.#lastCode = ended.code;
      const waitMs = planBackoff(refused ? REFUSED_BACKOFF : LOST_BACKOFF, this.#failures, this.#is.random);
      const facts = { code: ended.code, failures: this.#failures, waitMs, queued: this.#is.outbox.totals().messages };
      if (refused) {
        logger.error(
          `${ended.message} Was the device removed from the fleet, its certificate revoked, or its identity copied? Trying again later.`,
          facts,
        );
      } else if (this.#failures === 1) logger.warn(`${ended.message} Messages wait in the outbox.`, facts);
      else logger.debug(ended.message, facts);
      this.#waiting = new AbortController();
      const wake = AbortSignal.any([this.#stopping.signal, this.#waiting.signal]);
      await clock.sleep(waitMs, wake).catch(() => undefined);
      // What was exchanged meanwhile is used by the next attempt anyway.
      this.#isRenewing = false;
    }
  }

  /** One connection from its beginning to its end; never throws. */
  async #connectAndServe(): Promise<SartorError> {
    const sessionId = this.#is.newSessionId();
    let connection: Connection;
    try {
      connection = await openConnection({
        ...this.#is,
        will: this.#presence(sessionId, "offline", "connection_lost"),
        onMessage: ({ topic, payload }) => {
          if (topic === topicOf(this.#is.deviceId, "nudge")) this.#is.onNudge(payload);
        },
        signal: this.#stopping.signal,
      });
    } catch (error) {
      return SartorError.from(error, "SRT_BROKER_UNREACHABLE");
    }
    const problem = await this.#introduce(connection, sessionId);
    if (problem !== undefined) {
      // When the line broke meanwhile, what broke it says more than the unanswered question.
      const reason = await Promise.race([connection.closed, Promise.resolve(problem)]);
      connection.destroy();
      await connection.closed;
      return reason;
    }
    const pump = new OutboxPump({
      ...this.#is,
      send: ({ kind, payload }) => connection.publish({ topic: this.#topic(kind), payload }),
      onStalled: () => connection.destroy(),
    });
    if (this.#stopping.signal.aborted) {
      // stop() came while the connection was being set up and saw nothing to say goodbye on.
      connection.destroy();
      return connection.closed;
    }
    this.#live = { connection, pump, sessionId };
    this.#is.logger.info("connected to the broker", {
      url: this.#is.url,
      sessionId,
      queued: this.#is.outbox.totals().messages,
    });
    this.#is.onConnected();
    pump.poke();
    const ended = await connection.closed;
    pump.stop();
    this.#live = undefined;
    return ended;
  }

  /** Subscribes first, so that the newest nudge is on its way, then says online. */
  async #introduce(connection: Connection, sessionId: string): Promise<SartorError | undefined> {
    let problem: SartorError | undefined;
    const introduced = async () => {
      try {
        await connection.subscribe(topicOf(this.#is.deviceId, "nudge"));
        await connection.publish(this.#presence(sessionId, "online", "connected"));
      } catch (error) {
        problem = SartorError.from(error, "SRT_BROKER_UNREACHABLE");
      }
    };
    if (await this.#within(ANSWER_TIMEOUT_MS, introduced())) return problem;
    return new SartorError("SRT_BROKER_UNREACHABLE", "The broker accepted the connection but does not answer.");
  }

  #topic(kind: string): string {
    return topicOf(this.#is.deviceId, kind as Parameters<typeof topicOf>[1]);
  }

  #presence(sessionId: string, status: PresenceEvent["status"], reason: PresenceEvent["reason"]) {
    const event: PresenceEvent = {
      schemaVersion: PROTOCOL_VERSION,
      deviceId: this.#is.deviceId,
      at: Math.max(0, Math.round(this.#is.clock.now())),
      type: "presence",
      status,
      reason,
      sessionId,
    };
    return { topic: topicOf(this.#is.deviceId, "events"), payload: Buffer.from(JSON.stringify(event)) };
  }

  /** Waits for work, but not longer than a time; true when it succeeded in time. */
  async #within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
    const timer = new AbortController();
    try {
      return await Promise.race([
        work.then(() => true),
        this.#is.clock.sleep(milliseconds, timer.signal).then(() => false),
      ]);
    } catch {
      return false;
    } finally {
      timer.abort();
    }
  }
}
