import BetterSqlite3 from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { expect, it } from "vitest";
import { variantsMigration } from "./0060-variants.js";
import { MIGRATIONS } from "./list.js";

it("a version of the first release shows its variants as this one does", async () => {
  // biome-ignore lint/suspicious/noExplicitAny: the schema changes under its feet
  const db = new Kysely<any>({ dialect: new SqliteDialect({ database: new BetterSqlite3(":memory:") }) });
  for (const migration of MIGRATIONS.slice(0, MIGRATIONS.indexOf(variantsMigration))) await migration.up(db, "sqlite");
  const shown = { variantId: "v", name: "fp32", digest: "d", bytes: 3, bundleId: "b" };
  const row = { model: "m", version: "1.0.0", version_id: "i", created_at: 1, ready_at: 2, manifest: "{}", info: "{}" };
  await db
    .insertInto("model_version")
    .values({
      ...row,
      model_digest: "d",
      model_bytes: 3,
      golden_digest: "g",
      variants: JSON.stringify([{ ...shown, precision: "fp32" }]),
    })
    .execute();

  await db.transaction().execute((transaction) => variantsMigration.up(transaction, "sqlite"));

  const [kept] = await db.selectFrom("model_version").select("variants").execute();
  expect(JSON.parse(kept?.variants)).toEqual([{ ...shown, kind: "fp32", accuracy: null, floatLayers: 0 }]);
  await db.destroy();
});
