import type { SchemaMigration } from "../migration.js";

/** Uploaded content and who needs it; model versions and their variants. */
export const modelsMigration: SchemaMigration = {
  name: "0010-models",
  async up(db) {
    await db.schema
      .createTable("stored_blob")
      .addColumn("digest", "text", (c) => c.primaryKey())
      .addColumn("bytes", "bigint", (c) => c.notNull())
      .addColumn("stored_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("stored_blob_age").on("stored_blob").column("stored_at").execute();

    await db.schema
      .createTable("blob_reference")
      .addColumn("digest", "text", (c) => c.notNull().references("stored_blob.digest"))
      .addColumn("owner", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("blob_reference_key", ["digest", "owner"])
      .execute();
    await db.schema.createIndex("blob_reference_owner").on("blob_reference").column("owner").execute();

    await db.schema
      .createTable("model_version")
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("version", "text", (c) => c.notNull())
      .addColumn("version_id", "text", (c) => c.notNull().unique())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      // Null while its variants are being made: nobody sees it before.
      .addColumn("ready_at", "bigint")
      .addColumn("manifest", "text", (c) => c.notNull())
      .addColumn("model_digest", "text", (c) => c.notNull())
      .addColumn("model_bytes", "bigint", (c) => c.notNull())
      .addColumn("golden_digest", "text", (c) => c.notNull())
      .addColumn("info", "text", (c) => c.notNull())
      // A projection that later modules hand in.
      .addColumn("variants", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("model_version_key", ["model", "version"])
      .execute();

    await db.schema
      .createTable("model_variant")
      .addColumn("variant_id", "text", (c) => c.primaryKey())
      .addColumn("version_id", "text", (c) => c.notNull().references("model_version.version_id").onDelete("cascade"))
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("precision", "text", (c) => c.notNull())
      .addColumn("status", "text", (c) => c.notNull())
      .addColumn("digest", "text")
      .addColumn("bytes", "bigint")
      .addColumn("runtime", "text", (c) => c.notNull())
      .addColumn("error", "text")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("finished_at", "bigint")
      .addUniqueConstraint("model_variant_name", ["version_id", "name"])
      .execute();
  },
};
