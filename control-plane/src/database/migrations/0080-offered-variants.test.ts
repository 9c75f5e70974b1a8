import BetterSqlite3 from "better-sqlite3";
import { Kysely, SqliteDialect, sql } from "kysely";
import { describe, expect, it } from "vitest";
import { offeredVariantsMigration } from "./0080-offered-variants.js";
import { MIGRATIONS } from "./list.js";

describe("variants of an older release", () => {
  it("are offered once a name, the newest of them; the database refuses a second one from then on", async () => {
    const database = new BetterSqlite3(":memory:");
    database.pragma("foreign_keys = ON");
    // biome-ignore lint/suspicious/noExplicitAny: the schema changes under its feet
    const db = new Kysely<any>({ dialect: new SqliteDialect({ database }) });
    for (const migration of MIGRATIONS.slice(0, MIGRATIONS.indexOf(offeredVariantsMigration)))
      await migration.up(db, "sqlite");
    const version = { model: "m", version: "1.0.0", version_id: "v", created_at: 1, manifest: "{}", model_digest: "d" };
    await db
      .insertInto("model_version")
      .values({ ...version, model_bytes: 1, golden_digest: "g", info: "{}", variants: "[]" })
      .execute();
    const variant = { version_id: "v", kind: "fp16", digest: "d", bytes: 1, runtime: "{}", golden_digest: "g" };
    const row = (variant_id: string, name: string, status: string) => ({
      ...variant,
      variant_id,
      name,
      status,
      created_at: 7,
    });
    await db
      .insertInto("model_variant")
      .values([
        row("1", "fp16", "replaced"),
        row("2", "fp16", "offered"),
        row("3", "fp16", "offered"),
        row("4", "fp32", "offered"),
      ])
      .execute();

    await db.transaction().execute((transaction) => offeredVariantsMigration.up(transaction, "sqlite"));

    const kept = db.selectFrom("model_variant").select(["variant_id", "status", "replaced_at"]).orderBy("variant_id");
    expect(await kept.execute()).toEqual([
      { variant_id: "1", status: "replaced", replaced_at: 7 },
      { variant_id: "2", status: "replaced", replaced_at: 7 },
      { variant_id: "3", status: "offered", replaced_at: null },
      { variant_id: "4", status: "offered", replaced_at: null },
    ]);
    await expect(
      db
        .insertInto("model_variant")
        .values(row("5", "fp16", "offered"))
        .execute(),
    ).rejects.toThrow(/UNIQUE/);
    await db
      .insertInto("model_variant")
      .values(row("6", "fp16", "replaced"))
      .execute();
    expect((await sql`pragma foreign_key_check`.execute(db)).rows).toEqual([]);
    await db.destroy();
  });
});
