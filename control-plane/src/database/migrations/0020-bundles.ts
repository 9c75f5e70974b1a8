import type { SchemaMigration } from "../migration.js";

/** Bundles; their manifests and chunks are content in the blob store. */
export const bundlesMigration: SchemaMigration = {
  name: "0020-bundles",
  async up(db) {
    await db.schema
      .createTable("bundle")
      .addColumn("bundle_id", "text", (c) => c.primaryKey())
      .addColumn("variant_id", "text", (c) => c.notNull().references("model_variant.variant_id").onDelete("cascade"))
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("version", "text", (c) => c.notNull())
      .addColumn("manifest_bytes", "bigint", (c) => c.notNull())
      .addColumn("total_bytes", "bigint", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("bundle_version").on("bundle").columns(["model", "version"]).execute();
  },
};
