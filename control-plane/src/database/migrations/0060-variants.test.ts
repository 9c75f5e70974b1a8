import BetterSqlite3 from "better-sqlite3";
import { Kysely, SqliteDialect, sql } from "kysely";
import { describe, expect, it } from "vitest";
import { variantsMigration } from "./0060-variants.js";
import { MIGRATIONS } from "./list.js";

describe("variants of an older release", () => {
  it("are offered as before, and their bundles stay what devices run", async () => {
    const database = new BetterSqlite3(":memory:");
    database.pragma("foreign_keys = ON");
    // biome-ignore lint/suspicious/noExplicitAny: the schema changes under its feet
    const db = new Kysely<any>({ dialect: new SqliteDialect({ database }) });
    for (const migration of MIGRATIONS.slice(0, MIGRATIONS.indexOf(variantsMigration)))
      await migration.up(db, "sqlite");
    const version = { model: "m", version: "1.0.0", version_id: "V", created_at: 1, ready_at: 2, manifest: "{}" };
    const files = { model_digest: "d", model_bytes: 1, golden_digest: "g", info: "{}", variants: "[]" };
    await db
      .insertInto("model_version")
      .values({ ...version, ...files })
      .execute();
    const variant = { version_id: "V", runtime: "{}", created_at: 3, precision: "fp32" };
    await db
      .insertInto("model_variant")
      .values([
        { ...variant, variant_id: "A", name: "fp32", status: "succeeded", digest: "d", bytes: 1 },
        { ...variant, variant_id: "B", name: "never finished", status: "queued", digest: null, bytes: null },
      ])
      .execute();
    const bundle = { bundle_id: "b", variant_id: "A", model: "m", version: "1.0.0", manifest_bytes: 1, total_bytes: 2 };
    await db
      .insertInto("bundle")
      .values({ ...bundle, created_at: 3 })
      .execute();

    await db.transaction().execute((transaction) => variantsMigration.up(transaction, "sqlite"));

    expect(await db.selectFrom("model_variant").selectAll().execute()).toMatchObject([
      { variant_id: "A", kind: "fp32", status: "offered", golden_digest: "g", golden: null, card: null },
    ]);
    expect(await db.selectFrom("bundle").selectAll().execute()).toMatchObject([bundle]);
    expect((await sql`pragma foreign_key_check`.execute(db)).rows).toEqual([]);
    // A name may now stand for several variants, and what hangs on a version still goes with it.
    await db
      .insertInto("model_variant")
      .values({
        variant_id: "C",
        version_id: "V",
        name: "fp32",
        kind: "fp32",
        status: "bundling",
        digest: "e",
        bytes: 1,
        runtime: "{}",
        golden_digest: "g",
        created_at: 4,
      })
      .execute();
    await db.deleteFrom("model_version").execute();
    expect(await db.selectFrom("bundle").selectAll().execute()).toEqual([]);
    await db.destroy();
  });
});
