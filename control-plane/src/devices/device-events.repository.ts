import { Injectable } from "@nestjs/common";
import type { DeviceEventView, LogEvent } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { Settings } from "../config/index.js";
import { type BatchWriter, Database } from "../database/index.js";
import type { Received } from "../events/index.js";
import type { DeviceEventTable, DeviceTables } from "./devices.tables.js";

/** Events kept of a device; older ones go. */
export const EVENTS_KEPT = 200;
/** Most that are removed of one device in one statement; what is left goes with the next event. */
const REMOVED_AT_ONCE = 1_000;

type Db = Transaction<DeviceTables>;

/** What devices told their operators, written behind. */
@Injectable()
export class DeviceEvents {
  readonly #writer: BatchWriter<Received<LogEvent>, boolean>;

  constructor(
    private readonly database: Database,
    settings: Settings,
  ) {
    this.#writer = database.batchWriter<DeviceTables, Received<LogEvent>, boolean>(
      { maximumItems: 1_000, maximumWaitMs: settings.writeBehindMs },
      writeBatch,
    );
  }

  /** Resolves once committed: false when it was known already, or the device is not. */
  add(received: Received<LogEvent>): Promise<boolean> {
    return this.#writer.add(received);
  }

  /** Newest first. */
  async newest(deviceId: string, limit: number): Promise<DeviceEventView[]> {
    const rows = await this.database
      .tables<DeviceTables>()
      .selectFrom("device_event")
      .selectAll()
      .where("device_id", "=", deviceId)
      .orderBy("received_at", "desc")
      .orderBy("sequence", "desc")
      .orderBy("at", "desc")
      .limit(Math.min(limit, EVENTS_KEPT))
      .execute();
    return rows.map((row) => ({
      at: row.at,
      receivedAt: row.received_at,
      level: row.level as DeviceEventView["level"],
      code: row.code,
      message: row.message,
      sequence: row.sequence,
    }));
  }
}

async function writeBatch(db: Db, events: readonly Received<LogEvent>[]): Promise<readonly boolean[]> {
  const devices = [...new Set(events.map(({ deviceId }) => deviceId))];
  // A device that was deleted a moment ago has no row to hang its events on.
  const rows = await db.selectFrom("device").select("device_id").where("device_id", "in", devices).execute();
  const enrolled = new Set(rows.map((row) => row.device_id));
  const news: boolean[] = [];
  for (const received of events) news.push(enrolled.has(received.deviceId) && (await insert(db, received)));
  for (const deviceId of enrolled) await deleteOld(db, deviceId);
  return news;
}

/** False when the device sent it before: it keeps sending until it hears the acknowledgement. */
async function insert(db: Db, { deviceId, message, receivedAt }: Received<LogEvent>): Promise<boolean> {
  const row: DeviceEventTable = {
    device_id: deviceId,
    sequence: message.sequence,
    at: message.at,
    received_at: receivedAt,
    level: message.level,
    code: message.code ?? null,
    message: message.message,
  };
  const result = await db
    .insertInto("device_event")
    .values(row)
    .onConflict((conflict) => conflict.columns(["device_id", "sequence", "at"]).doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

async function deleteOld(db: Db, deviceId: string): Promise<void> {
  const old = await db
    .selectFrom("device_event")
    .select(["sequence", "at"])
    .where("device_id", "=", deviceId)
    .orderBy("received_at", "desc")
    .orderBy("sequence", "desc")
    .orderBy("at", "desc")
    .offset(EVENTS_KEPT)
    .limit(REMOVED_AT_ONCE)
    .execute();
  for (const { sequence, at } of old) {
    await db
      .deleteFrom("device_event")
      .where("device_id", "=", deviceId)
      .where("sequence", "=", sequence)
      .where("at", "=", at)
      .execute();
  }
}
