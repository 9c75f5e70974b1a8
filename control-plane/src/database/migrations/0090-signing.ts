import { sql } from "kysely";
import type { SchemaMigration } from "../migration.js";

/** Signed metadata of both TUF repositories, what waits for signatures, release counters, and each device's director repository. */
export const signingMigration: SchemaMigration = {
  name: "0090-signing",
  async up(db) {
    await db.schema
      .createTable("trust_metadata")
      .addColumn("repository", "text", (c) => c.notNull())
      .addColumn("role", "text", (c) => c.notNull())
      .addColumn("version", "bigint", (c) => c.notNull())
      // The exact text that is served: its hash is signed elsewhere.
      .addColumn("metadata", "text", (c) => c.notNull())
      .addColumn("published_at", "bigint", (c) => c.notNull())
      .addPrimaryKeyConstraint("trust_metadata_key", ["repository", "role", "version"])
      .execute();

    await db.schema
      .createTable("trust_request")
      .addColumn("request_id", "text", (c) => c.primaryKey())
      .addColumn("repository", "text", (c) => c.notNull())
      .addColumn("role", "text", (c) => c.notNull())
      .addColumn("version", "bigint", (c) => c.notNull())
      .addColumn("status", "text", (c) => c.notNull())
      .addColumn("reason", "text", (c) => c.notNull())
      .addColumn("metadata", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .execute();
    // One open request a role: whoever signs sees one thing to sign, and it is the newest.
    await db.schema
      .createIndex("trust_request_open")
      .on("trust_request")
      .columns(["repository", "role"])
      .unique()
      .where(sql.ref("status"), "=", sql`'open'`)
      .execute();
    await db.schema
      .createTable("trust_signature")
      .addColumn("request_id", "text", (c) => c.notNull().references("trust_request.request_id").onDelete("cascade"))
      .addColumn("key_id", "text", (c) => c.notNull())
      .addColumn("signature", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addPrimaryKeyConstraint("trust_signature_key", ["request_id", "key_id"])
      .execute();

    await db.schema
      .createTable("trust_release")
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("version", "text", (c) => c.notNull())
      .addColumn("counter", "bigint", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addPrimaryKeyConstraint("trust_release_key", ["model", "version"])
      .addUniqueConstraint("trust_release_counter", ["model", "counter"])
      .execute();

    await db.schema
      .createTable("trust_director")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      // Of targets and snapshot; the timestamp is renewed more often.
      .addColumn("version", "bigint", (c) => c.notNull())
      .addColumn("timestamp_version", "bigint", (c) => c.notNull())
      .addColumn("key_id", "text", (c) => c.notNull())
      .addColumn("generation", "bigint", (c) => c.notNull())
      .addColumn("order_text", "text", (c) => c.notNull())
      .addColumn("targets", "text", (c) => c.notNull())
      .addColumn("snapshot", "text", (c) => c.notNull())
      .addColumn("timestamp", "text", (c) => c.notNull())
      .addColumn("signed_at", "bigint", (c) => c.notNull())
      .addColumn("timestamp_signed_at", "bigint", (c) => c.notNull())
      .execute();
  },
};
