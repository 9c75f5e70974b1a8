import { type Kysely, sql } from "kysely";
import type { SchemaMigration } from "../migration.js";

/** Samples of models; variants with their cards, and the builds that make them. */
export const variantsMigration: SchemaMigration = {
  name: "0060-variants",
  async up(db) {
    await db.schema.alterTable("model_version").addColumn("macs", "bigint").execute();
    await createDatasets(db);
    await createBuilds(db);
    await rebuildVariants(db);
    await rewriteProjections(db);
  },
};

// biome-ignore lint/suspicious/noExplicitAny: a migration works on whatever the schema was at its time
type Schema = Kysely<any>;

/** What a version's page shows of its variants is kept with the version: it says `kind` now, and what a card says. */
async function rewriteProjections(db: Schema): Promise<void> {
  for (const { version_id, variants } of await db
    .selectFrom("model_version")
    .select(["version_id", "variants"])
    .execute()) {
    const rewritten = (JSON.parse(variants) as Record<string, unknown>[]).map(({ precision, ...variant }) => ({
      ...variant,
      kind: variant.kind ?? precision,
      accuracy: null,
      floatLayers: 0,
    }));
    await db
      .updateTable("model_version")
      .set({ variants: JSON.stringify(rewritten) })
      .where("version_id", "=", version_id)
      .execute();
  }
}

async function createDatasets(db: Schema): Promise<void> {
  await db.schema
    .createTable("dataset")
    .addColumn("dataset_id", "text", (c) => c.primaryKey())
    .addColumn("model", "text", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("purpose", "text", (c) => c.notNull())
    .addColumn("description", "text")
    .addColumn("content", "text", (c) => c.notNull())
    .addColumn("bytes", "bigint", (c) => c.notNull())
    .addColumn("samples", "bigint", (c) => c.notNull())
    .addColumn("class_counts", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("dataset_name", ["model", "name"])
    .execute();

  await db.schema
    .createTable("dataset_claim")
    // No cascade: what is claimed cannot go.
    .addColumn("dataset_id", "text", (c) => c.notNull().references("dataset.dataset_id"))
    .addColumn("owner", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("dataset_claim_key", ["dataset_id", "owner"])
    .execute();
  await db.schema.createIndex("dataset_claim_owner").on("dataset_claim").column("owner").execute();
}

async function createBuilds(db: Schema): Promise<void> {
  await db.schema
    .createTable("variant_build")
    .addColumn("build_id", "text", (c) => c.primaryKey())
    .addColumn("version_id", "text", (c) => c.notNull().references("model_version.version_id").onDelete("cascade"))
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("request", "text", (c) => c.notNull())
    .addColumn("calibration", "text")
    .addColumn("evaluation", "text")
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("error", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("started_at", "bigint")
    .addColumn("finished_at", "bigint")
    .execute();
  await db.schema
    .createIndex("variant_build_version")
    .on("variant_build")
    .columns(["version_id", "build_id"])
    .execute();
  await db.schema.createIndex("variant_build_status").on("variant_build").columns(["status", "build_id"]).execute();

  await db.schema
    .createTable("variant_build_step")
    .addColumn("build_id", "text", (c) => c.notNull().references("variant_build.build_id").onDelete("cascade"))
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("position", "integer", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("variant_id", "text")
    .addColumn("error", "text")
    .addPrimaryKeyConstraint("variant_build_step_key", ["build_id", "name"])
    .execute();
}

/**
 * A name may stand for several variants in the course of time, so its unique constraint goes, which SQLite cannot do in place. The bundles
 * move along: dropping the table that they refer to would take them with it.
 */
async function rebuildVariants(db: Schema): Promise<void> {
  await db.schema
    .createTable("variant")
    .addColumn("variant_id", "text", (c) => c.primaryKey())
    .addColumn("version_id", "text", (c) => c.notNull().references("model_version.version_id").onDelete("cascade"))
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("bytes", "bigint", (c) => c.notNull())
    .addColumn("runtime", "text", (c) => c.notNull())
    .addColumn("golden_digest", "text", (c) => c.notNull())
    // Null: what the version's manifest says.
    .addColumn("golden", "text")
    // Null: of a time before cards.
    .addColumn("card", "text")
    .addColumn("inputs", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();
  await sql`
    insert into variant (variant_id, version_id, name, kind, status, digest, bytes, runtime, golden_digest, created_at)
    select o.variant_id, o.version_id, o.name, o.precision, 'offered', o.digest, o.bytes, o.runtime, v.golden_digest, o.created_at
    from model_variant o inner join model_version v on v.version_id = o.version_id where o.digest is not null`.execute(
    db,
  );
  await db.schema.createIndex("variant_version").on("variant").columns(["version_id", "name"]).execute();

  await db.schema
    .createTable("variant_bundle")
    .addColumn("bundle_id", "text", (c) => c.primaryKey())
    .addColumn("variant_id", "text", (c) => c.notNull().references("variant.variant_id").onDelete("cascade"))
    .addColumn("model", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("manifest_bytes", "bigint", (c) => c.notNull())
    .addColumn("total_bytes", "bigint", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();
  const columns = sql.raw("bundle_id, variant_id, model, version, manifest_bytes, total_bytes, created_at");
  await sql`insert into variant_bundle (${columns}) select ${columns} from bundle`.execute(db);
  await db.schema.dropTable("bundle").execute();
  await db.schema.dropTable("model_variant").execute();
  await db.schema.alterTable("variant").renameTo("model_variant").execute();
  await db.schema.alterTable("variant_bundle").renameTo("bundle").execute();
  await db.schema.createIndex("bundle_version").on("bundle").columns(["model", "version"]).execute();
  await db.schema.createIndex("bundle_variant").on("bundle").column("variant_id").execute();
}
