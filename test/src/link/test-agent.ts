import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { Link, type LinkOptions } from "@sartor/agent/link";
import { type Logger, systemClock, TlsIdentity } from "@sartor/agent/platform";
import { OutboxStore, openStateDatabase, SettingsStore } from "@sartor/agent/storage";
import { WindowStream } from "@sartor/agent/telemetry";
import { DEVICE_ID, deviceCredential } from "../support/test-credentials.js";

export { DEVICE_ID } from "../support/test-credentials.js";

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>> | undefined;
}

/** The agent's outbox, link and telemetry stream as main wires them, without the rest of the agent. */
export interface TestAgent {
  readonly link: Link;
  readonly database: DatabaseSync;
  readonly outbox: OutboxStore;
  readonly log: LogEntry[];
  /** Stores the next telemetry window and gives its sequence number; it is durable then. */
  appendWindow(): number;
}

export function createTestAgent(url: string, databasePath: string, options: Partial<LinkOptions> = {}): TestAgent {
  const { database } = openStateDatabase(databasePath);
  const outbox = new OutboxStore(database);
  const settings = new SettingsStore(database);
  const log: LogEntry[] = [];
  const note = (level: string) => (message: string, facts?: LogEntry["facts"]) =>
    void log.push({ level, message, facts });
  const logger: Logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const link = new Link({
    url,
    deviceId: DEVICE_ID,
    tls: new TlsIdentity(deviceCredential),
    outbox,
    settings,
    clock: systemClock,
    logger,
    // Early draws, so that a test does not wait long for a reconnect.
    random: () => 0.2,
    newSessionId: randomUUID,
    ...options,
  });
  const stream = new WindowStream({
    deviceId: DEVICE_ID,
    settings,
    atomically: (work) => outbox.atomically(work),
    publish: (window) => link.publishTelemetry(window),
    dropped: () => outbox.dropped("telemetry"),
    newStreamId: randomUUID,
  });
  return {
    link,
    database,
    outbox,
    log,
    appendWindow: () => {
      const at = Date.now();
      return stream.append({ startedAt: at, endedAt: at, inference: { count: 0, errors: {} } }, {}).sequence;
    },
  };
}
