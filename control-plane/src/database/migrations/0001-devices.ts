import type { SchemaMigration } from "../migration.js";

/** Identity (enrolment tokens, device secrets) and the registry of devices. */
export const devicesMigration: SchemaMigration = {
  name: "0001-devices",
  async up(db) {
    await db.schema
      .createTable("device_credential")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      .addColumn("secret_hash", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .execute();

    await db.schema
      .createTable("enrolment_token")
      .addColumn("token_hash", "text", (c) => c.primaryKey())
      .addColumn("note", "text")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("expires_at", "bigint", (c) => c.notNull())
      .addColumn("used_at", "bigint")
      .addColumn("device_id", "text")
      .execute();
    await db.schema.createIndex("enrolment_token_expiry").on("enrolment_token").column("expires_at").execute();

    await db.schema
      .createTable("device")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("emulated", "integer", (c) => c.notNull())
      .addColumn("enrolled_at", "bigint", (c) => c.notNull())
      .addColumn("presence", "text", (c) => c.notNull())
      .addColumn("presence_since", "bigint", (c) => c.notNull())
      .addColumn("session_id", "text")
      .addColumn("last_seen_at", "bigint")
      // Out of the newest inventory, for lists.
      .addColumn("board", "text")
      .addColumn("architecture", "text")
      .addColumn("inventory_at", "bigint")
      // Newest reported state, whole and in short.
      .addColumn("reported", "text")
      .addColumn("reported_sequence", "bigint")
      // Ids of the agent runs whose reports were seen, newest first, as JSON.
      .addColumn("reported_boots", "text")
      .addColumn("serving", "text")
      // Projections that later modules hand in.
      .addColumn("deployment", "text")
      .addColumn("latest", "text")
      .addColumn("desired_generation", "bigint", (c) => c.notNull().defaultTo(0))
      .execute();

    await db.schema
      .createTable("device_inventory")
      .addColumn("device_id", "text", (c) => c.notNull().references("device.device_id").onDelete("cascade"))
      .addColumn("received_at", "bigint", (c) => c.notNull())
      .addColumn("digest", "text", (c) => c.notNull())
      .addColumn("inventory", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("device_inventory_key", ["device_id", "received_at"])
      .execute();

    await db.schema
      .createTable("invalid_message")
      .addColumn("device_id", "text", (c) => c.notNull())
      .addColumn("kind", "text", (c) => c.notNull())
      .addColumn("count", "bigint", (c) => c.notNull())
      .addColumn("last_at", "bigint", (c) => c.notNull())
      .addColumn("last_problem", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("invalid_message_key", ["device_id", "kind"])
      .execute();
  },
};
