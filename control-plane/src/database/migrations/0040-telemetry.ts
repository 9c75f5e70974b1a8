import { sql } from "kysely";
import type { SchemaMigration } from "../migration.js";

/** Telemetry windows as they came, and hours rolled up from them. */
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
  },
};
