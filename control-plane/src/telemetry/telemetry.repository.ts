import { Injectable } from "@nestjs/common";
import type { TelemetryWindow } from "@sartor/shared/protocol";
import { Settings } from "../config/index.js";
import { type BatchWriter, Database } from "../database/index.js";
import type { Received } from "../events/index.js";
import type { TelemetryTables, TelemetryWindowTable } from "./telemetry.tables.js";
import { decodeContent, encodeContent, type StoredWindow } from "./window-content.js";

/** Columns of one row, times the rows of one statement, stay below SQLite's 32,766 bound values. */
const ROWS_AT_ONCE = 1_000;

/** Telemetry windows in the database. */
@Injectable()
export class TelemetryRepository {
  readonly #writer: BatchWriter<Received<TelemetryWindow>, boolean>;

  constructor(
    private readonly database: Database,
    settings: Settings,
  ) {
    this.#writer = database.batchWriter<TelemetryTables, Received<TelemetryWindow>, boolean>(
      { maximumItems: ROWS_AT_ONCE, maximumWaitMs: settings.writeBehindMs },
      async (db, items) => {
        const inserted = await db
          .insertInto("telemetry_window")
          .values(items.map(toRow))
          .onConflict((conflict) => conflict.columns(["device_id", "stream_id", "sequence"]).doNothing())
          .returning(["device_id", "stream_id", "sequence"])
          .execute();
        const fresh = new Set(inserted.map((row) => JSON.stringify([row.device_id, row.stream_id, row.sequence])));
        // A window that stands twice in one batch was inserted once: only its first copy is news.
        return items.map(({ deviceId, message }) =>
          fresh.delete(JSON.stringify([deviceId, message.streamId, message.sequence])),
        );
      },
    );
  }

  /** Stores a window; true where it was not there before. Resolves when it is committed. */
  store(received: Received<TelemetryWindow>): Promise<boolean> {
    return this.#writer.add(received);
  }

  /**
   * Windows of a device that ended between two times, both included; the newest `limit` of them, in order of time.
   */
  async find(deviceId: string, from: number, to: number, limit: number): Promise<StoredWindow[]> {
    const rows = await this.database
      .tables<TelemetryTables>()
      .selectFrom("telemetry_window")
      .selectAll()
      .where("device_id", "=", deviceId)
      .where("ended_at", ">=", from)
      .where("ended_at", "<=", to)
      .orderBy("ended_at", "desc")
      .orderBy("sequence", "desc")
      .limit(limit)
      .execute();
    return rows.reverse().map((row) => ({
      ...decodeContent(row.content),
      streamId: row.stream_id,
      sequence: row.sequence,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      dropped: row.dropped,
    }));
  }

  /** Removes windows that came before a time, a bounded number at once; tells how many. */
  async removeBefore(time: number, limit: number): Promise<number> {
    const db = this.database.tables<TelemetryTables>();
    const old = await db
      .selectFrom("telemetry_window")
      .select(["device_id", "stream_id", "sequence"])
      .where("received_at", "<", time)
      .limit(limit)
      .execute();
    if (old.length === 0) return 0;
    await this.database.transaction<TelemetryTables, void>(async (transaction) => {
      for (const row of old) {
        await transaction
          .deleteFrom("telemetry_window")
          .where("device_id", "=", row.device_id)
          .where("stream_id", "=", row.stream_id)
          .where("sequence", "=", row.sequence)
          .execute();
      }
    });
    return old.length;
  }

  async forget(deviceId: string): Promise<void> {
    await this.database
      .tables<TelemetryTables>()
      .deleteFrom("telemetry_window")
      .where("device_id", "=", deviceId)
      .execute();
  }
}

function toRow({ deviceId, message, receivedAt }: Received<TelemetryWindow>): TelemetryWindowTable {
  return {
    device_id: deviceId,
    stream_id: message.streamId,
    sequence: message.sequence,
    received_at: receivedAt,
    started_at: message.startedAt,
    ended_at: message.endedAt,
    dropped: message.dropped,
    content: encodeContent(message),
  };
}
