import BetterSqlite3 from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { expect, it } from "vitest";
import { certificatesMigration } from "./0085-certificates.js";
import { MIGRATIONS } from "./list.js";

it("a device that enrolled with a secret is known still, so that a replacement token can give it a certificate", async () => {
  // biome-ignore lint/suspicious/noExplicitAny: the schema changes under its feet
  const db = new Kysely<any>({ dialect: new SqliteDialect({ database: new BetterSqlite3(":memory:") }) });
  for (const migration of MIGRATIONS.slice(0, MIGRATIONS.indexOf(certificatesMigration))) {
    await migration.up(db, "sqlite");
  }
  const secret = { device_id: "gate-7", secret_hash: "h", created_at: 5 };
  await db.insertInto("device_credential").values(secret).execute();
  const token = { token_hash: "t", note: null, created_at: 1, expires_at: 2, used_at: null, device_id: null };
  await db.insertInto("enrolment_token").values(token).execute();

  await db.transaction().execute((transaction) => certificatesMigration.up(transaction, "sqlite"));

  expect(await db.selectFrom("device_identity").selectAll().execute()).toEqual([
    { device_id: "gate-7", generation: 0, hardware: "[]", offline_site: 0, enrolled_at: 5, revoked_at: null },
  ]);
  expect(await db.selectFrom("device_certificate").selectAll().execute()).toEqual([]);
  expect(await db.selectFrom("enrolment_token").selectAll().execute()).toEqual([]);
  await db.destroy();
});
