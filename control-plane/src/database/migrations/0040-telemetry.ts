import { type Kysely, sql } from "kysely";
import type { SqlDialect } from "../dialect.js";
import type { SchemaMigration } from "../migration.js";

/** Telemetry windows as they came, and the points that the page shows. */
export const telemetryMigration: SchemaMigration = {
  name: "0040-telemetry",
  async up(db, dialect) {
    let windows = db.schema
      .createTable("telemetry_window")
      .addColumn("device_id", "text", (c) => c.notNull())
      .addColumn("stream_id", "text", (c) => c.notNull())
      .addColumn("sequence", "bigint", (c) => c.notNull())
      .addColumn("received_at", "bigint", (c) => c.notNull())
      .addColumn("started_at", "bigint", (c) => c.notNull())
      .addColumn("ended_at", "bigint", (c) => c.notNull())
      .addColumn("dropped", "bigint", (c) => c.notNull())
      .addColumn("content", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("telemetry_window_key", ["device_id", "stream_id", "sequence"]);
    if (dialect === "sqlite") windows = windows.modifyEnd(sql`without rowid`);
    await windows.execute();
    await db.schema
      .createIndex("telemetry_window_time")
      .on("telemetry_window")
      .columns(["device_id", "ended_at"])
      .execute();
    await db.schema.createIndex("telemetry_window_received").on("telemetry_window").column("received_at").execute();
    await createPointTables(db, dialect);
  },
};

/** Points computed once at insert, beside the windows they come from, and what each device takes. */
async function createPointTables(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
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
