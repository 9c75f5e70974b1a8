import { setImmediate as pause } from "node:timers/promises";
import type { TelemetryPoint, TelemetryWindow } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { Settings } from "../config/index.js";
import { type BatchWriter, Database } from "../database/index.js";
import type { Received } from "../events/index.js";
import type { WindowMark } from "./count-windows.js";
import { decodePoint } from "./point-code.js";
import type { TelemetryPointTable, TelemetryTables } from "./telemetry.tables.js";
import { countToRemove, TELEMETRY_QUOTA, type TelemetryQuota } from "./telemetry-quota.js";
import { toRows, type WindowRows } from "./window-rows.js";

type Db = Transaction<TelemetryTables>;
type Key = Pick<TelemetryPointTable, "device_id" | "stream_id" | "sequence">;

/** Windows committed together. */
const BATCH_ITEMS = 1_000;
/** Rows of one statement: their values stay below SQLite's 32,766, and everyone else gets a turn after each. */
const ROWS_AT_ONCE = 100;
/** Windows read or removed before everyone else gets a turn. */
const READ_AT_ONCE = 100;

/** What a question reads of a window. */
export interface StoredPoint extends WindowMark {
  readonly point: TelemetryPoint;
  readonly classCounts: string | null;
}

/** What became of a window. */
export interface StoreResult {
  /** It was not there before. */
  readonly fresh: boolean;
  readonly point: TelemetryPoint;
}

/** Telemetry windows in the database. SQLite answers synchronously, so everything here goes in small parts. */
export class TelemetryRepository {
  readonly #writer: BatchWriter<WindowRows, boolean>;
  /** Called after windows were removed because a device has too many. */
  onRemoved: (deviceId: string, windows: number) => void = () => undefined;

  constructor(
    private readonly database: Database,
    settings: Settings,
    private readonly quota: TelemetryQuota = TELEMETRY_QUOTA,
  ) {
    this.#writer = database.batchWriter<TelemetryTables, WindowRows, boolean>(
      { maximumItems: BATCH_ITEMS, maximumWaitMs: settings.writeBehindMs },
      (db, items) => this.write(db, items),
    );
  }

  /** Stores a window. Resolves when it is committed. */
  async store(received: Received<TelemetryWindow>): Promise<StoreResult> {
    const { shown, ...rows } = toRows(received);
    return { point: shown, fresh: await this.#writer.add(rows) };
  }

  /** Windows of a device that ended between two times, both included; the newest `limit` of them, newest first. */
  async *find(deviceId: string, from: number, to: number, limit: number): AsyncGenerator<StoredPoint> {
    let last: TelemetryPointTable | undefined;
    for (let left = limit; left > 0; left -= READ_AT_ONCE) {
      let query = this.database
        .tables<TelemetryTables>()
        .selectFrom("telemetry_point")
        .selectAll()
        .where("device_id", "=", deviceId)
        .where("ended_at", ">=", from)
        .where("ended_at", "<=", to)
        .orderBy("ended_at", "desc")
        .orderBy("stream_id", "desc")
        .orderBy("sequence", "desc")
        .limit(Math.min(left, READ_AT_ONCE));
      if (last !== undefined) {
        const { ended_at, stream_id, sequence } = last;
        query = query.where((eb) =>
          eb(eb.refTuple("ended_at", "stream_id", "sequence"), "<", eb.tuple(ended_at, stream_id, sequence)),
        );
      }
      const rows = await query.execute();
      for (const row of rows) {
        const { stream_id: streamId, sequence, dropped, class_counts: classCounts } = row;
        yield { streamId, sequence, dropped, classCounts, point: decodePoint(row.ended_at, row.point) };
      }
      if (rows.length < READ_AT_ONCE) return;
      last = rows.at(-1);
      await pause();
    }
  }

  /** Removes windows that came before a time, a bounded number at once; tells whether there may be more. */
  async removeBefore(time: number): Promise<boolean> {
    const old = await this.database
      .tables<TelemetryTables>()
      .selectFrom("telemetry_window")
      .select(["device_id", "stream_id", "sequence"])
      .where("received_at", "<", time)
      .limit(READ_AT_ONCE)
      .execute();
    if (old.length === 0) return false;
    await this.database.transaction<TelemetryTables, void>(async (db) => {
      const byDevice = Map.groupBy(old, (key) => key.device_id);
      // Usage first, in the order of the devices: whoever stores locks the same way.
      const deviceIds = [...byDevice.keys()].sort();
      for (const deviceId of deviceIds) await this.lockUsage(db, deviceId);
      for (const deviceId of deviceIds) await this.remove(db, deviceId, byDevice.get(deviceId) ?? []);
    });
    return old.length === READ_AT_ONCE;
  }

  /** How many windows of a device were removed because it had too many. */
  async removedOf(deviceId: string): Promise<number> {
    const row = await this.database
      .tables<TelemetryTables>()
      .selectFrom("telemetry_usage")
      .select("removed")
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
    return row?.removed ?? 0;
  }

  /** Removes everything of a device. */
  async forget(deviceId: string): Promise<void> {
    for (let more = true; more; await pause()) {
      more = await this.database.transaction<TelemetryTables, boolean>(async (db) => {
        await this.lockUsage(db, deviceId);
        const keys = await this.oldest(db, deviceId);
        await this.remove(db, deviceId, keys);
        return keys.length === READ_AT_ONCE;
      });
    }
    const db = this.database.tables<TelemetryTables>();
    await db.deleteFrom("telemetry_usage").where("device_id", "=", deviceId).execute();
  }

  private async write(db: Db, items: readonly WindowRows[]): Promise<boolean[]> {
    const inserted = new Set<string>();
    const added = new Map<string, { windows: number; bytes: number }>();
    for (let first = 0; first < items.length; first += ROWS_AT_ONCE) {
      const part = items.slice(first, first + ROWS_AT_ONCE);
      const keys = await db
        .insertInto("telemetry_window")
        .values(part.map(({ window }) => window))
        .onConflict((conflict) => conflict.columns(["device_id", "stream_id", "sequence"]).doNothing())
        .returning(["device_id", "stream_id", "sequence"])
        .execute();
      const news = new Set(keys.map(textOf));
      for (const key of news) inserted.add(key);
      // A window that stands twice in one batch was inserted once: only its first copy is news.
      const points = part.map(({ point }) => point).filter((point) => news.delete(textOf(point)));
      if (points.length > 0) await db.insertInto("telemetry_point").values(points).execute();
      for (const { device_id, bytes } of points) {
        const sum = added.get(device_id) ?? { windows: 0, bytes: 0 };
        added.set(device_id, { windows: sum.windows + 1, bytes: sum.bytes + bytes });
      }
      await pause();
    }
    for (const deviceId of [...added.keys()].sort()) {
      await this.account(db, deviceId, added.get(deviceId) ?? { windows: 0, bytes: 0 });
    }
    return items.map(({ window }) => inserted.delete(textOf(window)));
  }

  /** Adds to what a device takes; above its quota its oldest windows go, by when they came. */
  private async account(db: Db, deviceId: string, added: { windows: number; bytes: number }): Promise<void> {
    let usage = await db
      .insertInto("telemetry_usage")
      .values({ device_id: deviceId, ...added, removed: 0 })
      .onConflict((conflict) =>
        conflict.column("device_id").doUpdateSet((eb) => ({
          windows: eb("telemetry_usage.windows", "+", added.windows),
          bytes: eb("telemetry_usage.bytes", "+", added.bytes),
        })),
      )
      .returning(["windows", "bytes"])
      .executeTakeFirstOrThrow();
    while (usage.windows > this.quota.windows || usage.bytes > this.quota.bytes) {
      const oldest = await this.oldest(db, deviceId);
      const count = countToRemove(
        usage,
        this.quota,
        oldest.map(({ bytes }) => bytes),
      );
      if (count === 0) return;
      await this.remove(db, deviceId, oldest.slice(0, count), count);
      const gone = oldest.slice(0, count).reduce((sum, { bytes }) => sum + bytes, 0);
      usage = { windows: usage.windows - count, bytes: usage.bytes - gone };
      this.onRemoved(deviceId, count);
      await pause();
    }
  }

  private oldest(db: Db, deviceId: string): Promise<(Key & { bytes: number })[]> {
    return db
      .selectFrom("telemetry_point")
      .select(["device_id", "stream_id", "sequence", "bytes"])
      .where("device_id", "=", deviceId)
      .orderBy("received_at")
      .orderBy("sequence")
      .limit(READ_AT_ONCE)
      .execute();
  }

  /** @param forQuota how many of them are to be counted as removed because of the quota */
  private async remove(db: Db, deviceId: string, keys: readonly Key[], forQuota = 0): Promise<void> {
    let [windows, bytes] = [0, 0];
    for (const key of keys) {
      const of = { device_id: deviceId, stream_id: key.stream_id, sequence: key.sequence };
      await db
        .deleteFrom("telemetry_window")
        .where((eb) => eb.and(of))
        .execute();
      const point = await db
        .deleteFrom("telemetry_point")
        .where((eb) => eb.and(of))
        .returning("bytes")
        .executeTakeFirst();
      if (point === undefined) continue;
      windows += 1;
      bytes += point.bytes;
    }
    await db
      .updateTable("telemetry_usage")
      .set((eb) => ({
        windows: eb("windows", "-", windows),
        bytes: eb("bytes", "-", bytes),
        removed: eb("removed", "+", forQuota),
      }))
      .where("device_id", "=", deviceId)
      .execute();
  }

  private async lockUsage(db: Db, deviceId: string): Promise<void> {
    if (this.database.dialect !== "postgres") return;
    await db.selectFrom("telemetry_usage").select("device_id").where("device_id", "=", deviceId).forUpdate().execute();
  }
}

function textOf({ device_id, stream_id, sequence }: Key): string {
  return JSON.stringify([device_id, stream_id, sequence]);
}
