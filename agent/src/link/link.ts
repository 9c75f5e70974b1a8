import {
  type Inventory,
  type LogEvent,
  type Nudge,
  PROTOCOL_VERSION,
  type ReportedState,
  type TelemetryWindow,
  type TuningReport,
  type UplinkKind,
} from "@sartor/shared/protocol";
import { z } from "zod";
import type { Clock, Logger, TlsIdentity } from "../platform/index.js";
import type { OutboxRetention, OutboxStore, SettingsStore } from "../storage/index.js";
import { NudgeInbox } from "./nudge-inbox.js";
import { Session } from "./session.js";

const EVENT_SEQUENCE_KEY = "events.sequence";
const TUNING_SEQUENCE_KEY = "tuning.sequence";
/** Longest text of a log event, as its schema has it. */
const LONGEST_MESSAGE = 4096;

export interface LinkOptions {
  /** mqtts://host:8883. */
  readonly url: string;
  readonly deviceId: string;
  /** Certificate of this device, and whom it trusts; after a swap the link connects anew. */
  readonly tls: TlsIdentity;
  readonly outbox: OutboxStore;
  /** Of the same database as the outbox. */
  readonly settings: SettingsStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly newSessionId: () => string;
  /** Gets the control plane's hint that there is something new: after each connect, and whenever there is. A hint, never an order. */
  readonly onNudge?: (nudge: Pick<Nudge, "generation">) => void;
  /** The broker refused the certificate, or says that it is past its time, whatever this device's clock says. */
  readonly onCertificateRefused?: () => void;
  /** After each connect: time to report. */
  readonly onConnected?: () => void;
  readonly keepaliveSeconds?: number;
  readonly connectTimeoutMs?: number;
  readonly acknowledgementTimeoutMs?: number;
  readonly window?: number;
}

/** How the link stands. */
export interface LinkState {
  readonly connected: boolean;
  /** Messages that wait for the broker. */
  readonly queued: number;
  /** Telemetry windows dropped because the outbox was full. */
  readonly droppedTelemetry: number;
  /** Nudges that did not validate, since the start. */
  readonly invalidNudges: number;
}

/**
 * The agent's line to the control plane. Whatever is published is in the durable outbox when the call returns, and reaches
 * the broker at least once, in order of its kind, whenever there is a connection.
 */
export class Link {
  readonly #is: LinkOptions;
  readonly #nudges: NudgeInbox;
  readonly #session: Session;
  #unsubscribe: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#is = options;
    this.#nudges = new NudgeInbox(options);
    this.#session = new Session({
      ...options,
      keepaliveSeconds: options.keepaliveSeconds ?? 30,
      connectTimeoutMs: options.connectTimeoutMs ?? 20_000,
      acknowledgementTimeoutMs: options.acknowledgementTimeoutMs ?? 60_000,
      window: options.window ?? 16,
      onConnected: () => options.onConnected?.(),
      onNudge: (payload) => this.#nudges.receive(payload),
      onCertificateRefused: () => options.onCertificateRefused?.(),
    });
  }

  /** Begins to connect; returns at once. */
  start(): void {
    this.#unsubscribe ??= this.#is.tls.onSwap(() => void this.#session.renew());
    this.#session.start();
  }

  /** Ends: empties the outbox for at most `drainMs`, says offline, disconnects. */
  stop(drainMs = 3_000): Promise<void> {
    this.#unsubscribe?.();
    return this.#session.stop(drainMs);
  }

  get connected(): boolean {
    return this.#session.connected;
  }

  state(): LinkState {
    return {
      connected: this.connected,
      queued: this.#is.outbox.totals().messages,
      droppedTelemetry: this.#is.outbox.dropped("telemetry"),
      invalidNudges: this.#nudges.invalid,
    };
  }

  /** Only the newest unsent report is kept. @throws SartorError SRT_PACKET_TOO_LARGE */
  publishReported(reported: ReportedState): void {
    this.#publish("reported", reported, "latest");
  }

  /** Only the newest unsent inventory is kept. @throws SartorError SRT_PACKET_TOO_LARGE */
  publishInventory(inventory: Inventory): void {
    this.#publish("inventory", inventory, "latest");
  }

  /**
   * The oldest windows are dropped, and counted, when the outbox is full. Becomes part of the caller's transaction.
   *
   * @throws SartorError SRT_PACKET_TOO_LARGE
   */
  publishTelemetry(window: TelemetryWindow): void {
    this.#publish("telemetry", window, "droppable");
  }

  /** Tells operators of something; gets its sequence number here. */
  publishLog(event: Pick<LogEvent, "level" | "message" | "code">): void {
    const { outbox, settings, deviceId, clock } = this.#is;
    outbox.atomically(() => {
      const sequence = nextSequence(settings, EVENT_SEQUENCE_KEY);
      const full: LogEvent = {
        ...event,
        message: event.message.slice(0, LONGEST_MESSAGE),
        schemaVersion: PROTOCOL_VERSION,
        deviceId,
        at: Math.max(0, Math.round(clock.now())),
        type: "log",
        sequence,
      };
      this.#publish("events", full, "kept");
    });
  }

  /** Reports on a tuning that ended; gets its sequence number here. Becomes part of the caller's transaction. */
  publishTuning(report: Omit<TuningReport, "schemaVersion" | "deviceId" | "sequence" | "at">): void {
    const { outbox, settings, deviceId, clock } = this.#is;
    outbox.atomically(() => {
      const full: TuningReport = {
        ...report,
        schemaVersion: PROTOCOL_VERSION,
        deviceId,
        sequence: nextSequence(settings, TUNING_SEQUENCE_KEY),
        at: Math.max(0, Math.round(clock.now())),
      };
      this.#publish("tuning", full, "kept");
    });
  }

  #publish(kind: UplinkKind, message: object, retention: OutboxRetention): void {
    this.#is.outbox.enqueue(kind, Buffer.from(JSON.stringify(message)), retention);
    // After the caller's transaction, which may still roll back.
    setImmediate(() => this.#session.poke());
  }
}

/** The next number of a sequence; durable with the transaction that it is part of. */
function nextSequence(settings: SettingsStore, key: string): number {
  const sequence = (settings.load(key, z.number().int().min(0)) ?? 0) + 1;
  settings.save(key, sequence);
  return sequence;
}
