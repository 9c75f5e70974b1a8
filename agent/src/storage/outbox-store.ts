import type { DatabaseSync } from "node:sqlite";
import { SartorError } from "@sartor/shared/errors";
import { LIMITS } from "@sartor/shared/protocol";
import { inTransaction } from "./transaction.js";

/**
 * What becomes of a message while it waits:
 * - `droppable`: the oldest of these go first when the outbox is full (telemetry);
 * - `latest`: only the newest of its kind is kept (inventory, reported); never dropped for room;
 * - `kept`: dropped only when nothing droppable is left or there are too many of them (events).
 */
export type OutboxRetention = "droppable" | "latest" | "kept";

/** A message that waits for the broker. */
export interface OutboxMessage {
  /** Rises with each message and is never used twice. */
  readonly id: number;
  readonly kind: string;
  readonly payload: Uint8Array;
}

/** How much the outbox may hold. */
export interface OutboxLimits {
  readonly maximumMessages: number;
  readonly maximumBytes: number;
  /** Most messages of retention `kept`, so that a chatty log cannot push all telemetry out. */
  readonly maximumKept: number;
  /** Largest single payload: a broker cuts the line at larger ones, for ever. */
  readonly maximumMessageBytes: number;
}

/** Room for topic and packet header, bytes. */
const PACKET_OVERHEAD = 512;

const DEFAULT_LIMITS: OutboxLimits = {
  maximumMessages: 10_000,
  maximumBytes: 16 * 1024 * 1024,
  maximumKept: 1_000,
  maximumMessageBytes: LIMITS.mqttPacketBytes - PACKET_OVERHEAD,
};

interface Victim {
  readonly id: number;
  readonly kind: string;
  readonly bytes: number;
}

/**
 * Messages that wait for the broker, in SQLite: what `enqueue` returned for survives kill -9 and power cuts. Bounded by
 * count and bytes; what had to be dropped is counted, as durably as the messages themselves.
 */
export class OutboxStore {
  readonly #database: DatabaseSync;
  readonly #limits: OutboxLimits;
  readonly #insert;
  readonly #after;
  readonly #delete;
  readonly #deleteKind;
  readonly #clear;
  readonly #totals;
  readonly #totalsKept;
  readonly #oldest;
  readonly #countDropped;
  readonly #dropped;
  /** Messages up to this id were handed to the broker and wait for its answer. */
  #inFlightUpTo = 0;

  constructor(database: DatabaseSync, limits: Partial<OutboxLimits> = {}) {
    this.#database = database;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#insert = database.prepare("INSERT INTO outbox (kind, retention, bytes, payload) VALUES (?, ?, ?, ?)");
    this.#after = database.prepare("SELECT id, kind, payload FROM outbox WHERE id > ? ORDER BY id LIMIT ?");
    this.#delete = database.prepare("DELETE FROM outbox WHERE id = ?");
    this.#clear = database.prepare("DELETE FROM outbox");
    this.#deleteKind = database.prepare("DELETE FROM outbox WHERE kind = ? AND retention = ?");
    this.#totals = database.prepare("SELECT COUNT(*) AS messages, COALESCE(SUM(bytes), 0) AS bytes FROM outbox");
    this.#totalsKept = database.prepare("SELECT COUNT(*) AS messages FROM outbox WHERE retention = 'kept'");
    this.#oldest = database.prepare(
      "SELECT id, kind, bytes FROM outbox WHERE retention = ? AND id > ? ORDER BY id LIMIT 1",
    );
    this.#countDropped = database.prepare(
      "INSERT INTO outbox_dropped (kind, count) VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET count = count + 1",
    );
    this.#dropped = database.prepare("SELECT count FROM outbox_dropped WHERE kind = ?");
  }

  /**
   * Stores a message; durable when it returns (or with the transaction it is part of).
   *
   * @returns its id
   * @throws SartorError SRT_PACKET_TOO_LARGE when no broker would take it
   */
  enqueue(kind: string, payload: Uint8Array, retention: OutboxRetention): number {
    const bytes = payload.byteLength;
    const { maximumMessageBytes } = this.#limits;
    if (bytes > maximumMessageBytes) {
      throw new SartorError(
        "SRT_PACKET_TOO_LARGE",
        `A message of kind ${kind} has ${bytes} bytes; at most ${maximumMessageBytes} travel over MQTT.`,
      );
    }
    return inTransaction(this.#database, () => {
      if (retention === "latest") this.#deleteKind.run(kind, retention);
      const id = Number(this.#insert.run(kind, retention, bytes, payload).lastInsertRowid);
      if (retention === "kept") this.#boundKept();
      this.#makeRoom();
      return id;
    });
  }

  /** Runs work that enqueues and changes other stores of the same database: all of it is durable when this returns, or none. */
  atomically<T>(work: () => T): T {
    return inTransaction(this.#database, work);
  }

  /** The oldest messages after an id (0: from the start), in the order in which they were stored. */
  peek(afterId: number, limit: number): OutboxMessage[] {
    return this.#after.all(afterId, limit) as unknown as OutboxMessage[];
  }

  /** Forgets messages that the broker acknowledged; ids that are gone already are no error. */
  remove(ids: readonly number[]): void {
    inTransaction(this.#database, () => {
      for (const id of ids) this.#delete.run(id);
    });
  }

  /** Forgets everything that waits: it was meant for another identity. */
  clear(): void {
    this.#clear.run();
  }

  /** Says up to which id messages wait for the broker's answer (0: none), so that these are the last to be dropped. */
  markInFlight(upToId: number): void {
    this.#inFlightUpTo = upToId;
  }

  /** Messages and payload bytes that wait. */
  totals(): { readonly messages: number; readonly bytes: number } {
    return this.#totals.get() as { messages: number; bytes: number };
  }

  /** Messages of a kind that were dropped since the database began. */
  dropped(kind: string): number {
    const row = this.#dropped.get(kind) as { count: number } | undefined;
    return row?.count ?? 0;
  }

  #makeRoom(): void {
    const { maximumMessages, maximumBytes } = this.#limits;
    let { messages, bytes } = this.totals();
    while (messages > maximumMessages || bytes > maximumBytes) {
      const victim = this.#oldestOf("droppable") ?? this.#oldestOf("kept");
      if (victim === undefined) return;
      this.#drop(victim);
      messages -= 1;
      bytes -= victim.bytes;
    }
  }

  #boundKept(): void {
    const { messages } = this.#totalsKept.get() as { messages: number };
    const victim = messages > this.#limits.maximumKept ? this.#oldestOf("kept") : undefined;
    if (victim !== undefined) this.#drop(victim);
  }

  #drop(victim: Victim): void {
    this.#delete.run(victim.id);
    this.#countDropped.run(victim.kind);
  }

  /** Those in flight come last: the broker probably has them already, and the count of the dropped shall be true. */
  #oldestOf(retention: OutboxRetention): Victim | undefined {
    for (const after of [this.#inFlightUpTo, 0]) {
      const victim = this.#oldest.get(retention, after) as Victim | undefined;
      if (victim !== undefined) return victim;
    }
    return undefined;
  }
}
