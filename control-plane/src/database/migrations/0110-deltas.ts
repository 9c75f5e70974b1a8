import type { SchemaMigration } from "../migration.js";

/** Which files bundles have, so that a device can name what it holds; and the differences between such files. */
export const deltasMigration: SchemaMigration = {
  name: "0110-deltas",
  async up(db) {
    // Bundles of before are read from their manifests at the next start.
    await db.schema
      .createTable("bundle_file")
      .addColumn("bundle_id", "text", (c) => c.notNull().references("bundle.bundle_id").onDelete("cascade"))
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("digest", "text", (c) => c.notNull())
      .addColumn("bytes", "bigint", (c) => c.notNull())
      .addPrimaryKeyConstraint("bundle_file_key", ["bundle_id", "name"])
      .execute();
    await db.schema.createIndex("bundle_file_digest").on("bundle_file").column("digest").execute();

    await db.schema
      .createTable("delta")
      .addColumn("delta_id", "text", (c) => c.primaryKey())
      .addColumn("target", "text", (c) => c.notNull())
      // Digests in their order, with spaces between them.
      .addColumn("bases", "text", (c) => c.notNull())
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("attempts", "integer", (c) => c.notNull())
      .addColumn("full_bytes", "bigint", (c) => c.notNull())
      .addColumn("chunk_bytes", "bigint")
      .addColumn("digest", "text")
      .addColumn("bytes", "bigint")
      .addColumn("changed_at", "bigint", (c) => c.notNull())
      .addColumn("used_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("delta_used").on("delta").column("used_at").execute();
    // The target and the bases, to find the differences of files that no bundle has any more.
    await db.schema
      .createTable("delta_file")
      .addColumn("delta_id", "text", (c) => c.notNull().references("delta.delta_id").onDelete("cascade"))
      .addColumn("digest", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("delta_file_key", ["delta_id", "digest"])
      .execute();
  },
};
