import { type Kysely, sql } from "kysely";
import type { SchemaMigration } from "../migration.js";

/**
 * One variant a name and version is offered, by the database's own word; and since when a replaced one is out of use, so that its content can be
 * collected.
 */
export const offeredVariantsMigration: SchemaMigration = {
  name: "0080-offered-variants",
  async up(db) {
    await db.schema.alterTable("model_variant").addColumn("replaced_at", "bigint").execute();
    await replaceAllButNewest(db);
    // Nobody noted when: it was after it was made.
    await db
      .updateTable("model_variant")
      .set((eb) => ({ replaced_at: eb.ref("created_at") }))
      .where("status", "=", "replaced")
      .execute();
    await db.schema
      .createIndex("model_variant_one_offered")
      .on("model_variant")
      .columns(["version_id", "name"])
      .unique()
      .where(sql.ref("status"), "=", sql.lit("offered"))
      .execute();
    await db.schema
      .createIndex("model_variant_replaced")
      .on("model_variant")
      .columns(["status", "variant_id"])
      .execute();
    await db.schema
      .createIndex("device_deployment_bundle")
      .on("device_deployment")
      .columns(["bundle_id", "status"])
      .execute();
  },
};

/** Two builds that ended at the same moment could each offer theirs: the newer one stays. Ids rise with time. */
// biome-ignore lint/suspicious/noExplicitAny: a migration works on whatever the schema was at its time
async function replaceAllButNewest(db: Kysely<any>): Promise<void> {
  const offered = await db
    .selectFrom("model_variant")
    .select(["variant_id", "version_id", "name"])
    .where("status", "=", "offered")
    .orderBy("variant_id", "desc")
    .execute();
  const seen = new Set<string>();
  for (const { variant_id, version_id, name } of offered) {
    const key = `${version_id} ${name}`;
    if (seen.has(key)) {
      await db.updateTable("model_variant").set({ status: "replaced" }).where("variant_id", "=", variant_id).execute();
    }
    seen.add(key);
  }
}
