import type { Kysely } from "kysely";
import { sql } from "kysely";
import { type Database, type SchemaMigration, type SqlDialect } from "../database/index.js";
import type { TelemetryPointTable, TelemetryTables } from "./telemetry.tables.js";
import { toPointRow } from "./window-rows.js";

const ROWS_AT_ONCE = 500;

/** Points beside the windows, and what each device takes. Windows that are there already get theirs. */
const telemetryPoints: SchemaMigration = {
  name: "0060-telemetry-points",
  async up(db, dialect) {
    await createTables(db, dialect);
    await makePoints(db as Kysely<TelemetryTables>);
    await sql`insert into telemetry_usage (device_id, windows, bytes, removed)
      select device_id, count(*), sum(bytes), 0 from telemetry_point group by device_id`.execute(db);
  },
};

/** Brings the tables of telemetry up to date, all or nothing; does nothing where they are. */
export async function prepareTelemetryTables(database: Database): Promise<void> {
  const tables = await database.tables().introspection.getTables();
  if (tables.some(({ name }) => name === "telemetry_point")) return;
  await database.transaction((db) => telemetryPoints.up(db, database.dialect));
}

async function createTables(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  let points = db.schema
    .createTable("telemetry_point")
    .addColumn("device_id", "text", (c) => c.notNull())
    .addColumn("stream_id", "text", (c) => c.notNull())
    .addColumn("sequence", "bigint", (c) => c.notNull())
    .addColumn("received_at", "bigint", (c) => c.notNull())
    .addColumn("ended_at", "bigint", (c) => c.notNull())
    .addColumn("dropped", "bigint", (c) => c.notNull())
    .addColumn("bytes", "bigint", (c) => c.notNull())
    // Before the class counts, which may be long: SQLite reads a row from its start as far as it must.
    .addColumn("point", "text", (c) => c.notNull())
    .addColumn("class_counts", "text")
    .addPrimaryKeyConstraint("telemetry_point_key", ["device_id", "stream_id", "sequence"]);
  if (dialect === "sqlite") points = points.modifyEnd(sql`without rowid`);
  await points.execute();
  await db.schema
    .createIndex("telemetry_point_time")
    .on("telemetry_point")
    .columns(["device_id", "ended_at", "stream_id", "sequence"])
    .execute();
  await db.schema
    .createIndex("telemetry_point_age")
    .on("telemetry_point")
    .columns(["device_id", "received_at"])
    .execute();
  await db.schema
    .createTable("telemetry_usage")
    .addColumn("device_id", "text", (c) => c.primaryKey())
    .addColumn("windows", "bigint", (c) => c.notNull())
    .addColumn("bytes", "bigint", (c) => c.notNull())
    .addColumn("removed", "bigint", (c) => c.notNull())
    .execute();
}

async function makePoints(db: Kysely<TelemetryTables>): Promise<void> {
  let last: TelemetryPointTable | undefined;
  for (;;) {
    let query = db
      .selectFrom("telemetry_window")
      .selectAll()
      .orderBy("device_id")
      .orderBy("stream_id")
      .orderBy("sequence")
      .limit(ROWS_AT_ONCE);
    if (last !== undefined) {
      const { device_id, stream_id, sequence } = last;
      query = query.where((eb) =>
        eb(eb.refTuple("device_id", "stream_id", "sequence"), ">", eb.tuple(device_id, stream_id, sequence)),
      );
    }
    const points = (await query.execute()).map(toPointRow);
    if (points.length === 0) return;
    await db.insertInto("telemetry_point").values(points).execute();
    last = points.at(-1);
  }
}
