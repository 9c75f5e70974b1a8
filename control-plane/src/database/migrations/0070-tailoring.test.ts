import BetterSqlite3 from "better-sqlite3";
import { Kysely, SqliteDialect, sql } from "kysely";
import { describe, expect, it } from "vitest";
import { tailoringMigration } from "./0070-tailoring.js";
import { MIGRATIONS } from "./list.js";

describe("rollouts of an older release", () => {
  it("keep their deployments, as what went to all devices alike and measured nothing", async () => {
    const database = new BetterSqlite3(":memory:");
    database.pragma("foreign_keys = ON");
    // biome-ignore lint/suspicious/noExplicitAny: the schema changes under its feet
    const db = new Kysely<any>({ dialect: new SqliteDialect({ database }) });
    for (const migration of MIGRATIONS.slice(0, MIGRATIONS.indexOf(tailoringMigration)))
      await migration.up(db, "sqlite");
    const rollout = { rollout_id: "r", name: "old", model: "m", version: "1.0.0", status: "running", wave: 1 };
    await db
      .insertInto("rollout")
      .values({ ...rollout, deadline_ms: 1, probe: "{}", created_at: 2 })
      .execute();
    const deployment = {
      deployment_id: "d",
      rollout_id: "r",
      device_id: "pi",
      wave: 1,
      bundle_id: "b",
      status: "in_progress",
      step: "probing",
      progress: "p",
      error: "e",
      report_sequence: 3,
      report_boot_id: "boot",
      queued_at: 4,
      updated_at: 5,
      deadline_at: 6,
    };
    await db.insertInto("device_deployment").values(deployment).execute();

    await db.transaction().execute((transaction) => tailoringMigration.up(transaction, "sqlite"));

    expect(await db.selectFrom("device_deployment").selectAll().execute()).toEqual([
      { ...deployment, runtime: null, tailoring: null, tune: null },
    ]);
    const [kept] = await db.selectFrom("rollout").selectAll().execute();
    expect(kept).toMatchObject({ ...rollout, origin: "request", choice: null });
    expect(JSON.parse(kept?.tailoring)).toMatchObject({ tune: "never" });
    expect((await sql`pragma foreign_key_check`.execute(db)).rows).toEqual([]);
    // What nothing fits has no bundle, and a rollout still takes its deployments with it.
    const refused = { ...deployment, deployment_id: "e", device_id: "other", bundle_id: null };
    await db.insertInto("device_deployment").values(refused).execute();
    const twice = db.insertInto("device_deployment").values({ ...refused, deployment_id: "f" });
    await expect(twice.execute()).rejects.toThrow(/UNIQUE/);
    await db.deleteFrom("rollout").execute();
    expect(await db.selectFrom("device_deployment").selectAll().execute()).toEqual([]);
    await db.destroy();
  });
});
