import type { SchemaMigration } from "../migration.js";

/** What devices told their operators, the newest of each. */
export const deviceEventsMigration: SchemaMigration = {
  name: "0050-device-events",
  async up(db) {
    await db.schema
      .createTable("device_event")
      .addColumn("device_id", "text", (c) => c.notNull().references("device.device_id").onDelete("cascade"))
      .addColumn("sequence", "bigint", (c) => c.notNull())
      .addColumn("at", "bigint", (c) => c.notNull())
      .addColumn("received_at", "bigint", (c) => c.notNull())
      .addColumn("level", "text", (c) => c.notNull())
      .addColumn("code", "text")
      .addColumn("message", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("device_event_key", ["device_id", "sequence", "at"])
      .execute();
    await db.schema
      .createIndex("device_event_newest")
      .on("device_event")
      .columns(["device_id", "received_at", "sequence", "at"])
      .execute();
  },
};
