import { type Kysely, sql } from "kysely";
import type { SchemaMigration } from "../migration.js";

/** Tunings, what devices measured, and deployments that say why a device runs what it runs. */
export const tailoringMigration: SchemaMigration = {
  name: "0070-tailoring",
  async up(db, dialect) {
    await db.schema
      .createTable("tuning")
      .addColumn("tuning_id", "text", (c) => c.primaryKey())
      .addColumn("device_id", "text", (c) => c.notNull().references("device.device_id").onDelete("cascade"))
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("version", "text", (c) => c.notNull())
      .addColumn("status", "text", (c) => c.notNull())
      .addColumn("reason", "text", (c) => c.notNull())
      .addColumn("apply", "integer", (c) => c.notNull())
      .addColumn("candidates", "text", (c) => c.notNull())
      // Ids of the candidates' variants, so that counting who measured what need not read the candidates.
      .addColumn("variants", "text", (c) => c.notNull())
      .addColumn("rules", "text", (c) => c.notNull())
      .addColumn("budget", "text", (c) => c.notNull())
      .addColumn("progress", "double precision", (c) => c.notNull())
      .addColumn("report", "text")
      .addColumn("report_sequence", "bigint")
      .addColumn("report_at", "bigint")
      // `due`: its verdict is to be followed from that time on; then `done` or `skipped`.
      .addColumn("follow_up", "text")
      .addColumn("follow_up_at", "bigint")
      .addColumn("rollout_id", "text")
      .addColumn("origin_id", "text")
      .addColumn("deployment_id", "text")
      .addColumn("device_type", "text", (c) => c.notNull())
      .addColumn("emulated", "integer", (c) => c.notNull())
      // 0: the device's desired state is to be computed anew because of it.
      .addColumn("told", "integer", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("finished_at", "bigint")
      .addColumn("deadline_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("tuning_device").on("tuning").columns(["device_id", "tuning_id"]).execute();
    await db.schema
      .createIndex("tuning_one_active")
      .on("tuning")
      .column("device_id")
      .unique()
      .where(sql.ref("status"), "in", sql`('queued', 'in_progress')`)
      .execute();
    // Once delivered twice, a report counts once.
    await db.schema
      .createIndex("tuning_report")
      .on("tuning")
      .columns(["device_id", "report_sequence", "report_at"])
      .unique()
      .execute();
    await db.schema.createIndex("tuning_deadline").on("tuning").columns(["status", "deadline_at"]).execute();
    await db.schema.createIndex("tuning_told").on("tuning").column("told").execute();
    await db.schema.createIndex("tuning_follow_up").on("tuning").columns(["follow_up", "follow_up_at"]).execute();
    await db.schema.createIndex("tuning_type").on("tuning").columns(["device_type", "model", "version"]).execute();

    await db.schema
      .createTable("tuning_measurement")
      .addColumn("measurement_id", "text", (c) => c.primaryKey())
      .addColumn("device_id", "text", (c) => c.notNull().references("device.device_id").onDelete("cascade"))
      .addColumn("device_type", "text", (c) => c.notNull())
      .addColumn("emulated", "integer", (c) => c.notNull())
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("version", "text", (c) => c.notNull())
      .addColumn("measurement", "text", (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex("tuning_measurement_device")
      .on("tuning_measurement")
      .columns(["device_id", "model", "measurement_id"])
      .execute();
    await db.schema
      .createIndex("tuning_measurement_type")
      .on("tuning_measurement")
      .columns(["device_type", "emulated", "model", "measurement_id"])
      .execute();
    await db.schema
      .createIndex("tuning_measurement_version")
      .on("tuning_measurement")
      .columns(["model", "version", "measurement_id"])
      .execute();

    // Rollouts that were there before went to all devices alike and measured nothing.
    await db.schema
      .alterTable("rollout")
      .addColumn("tailoring", "text", (c) => c.notNull().defaultTo('{"policy":{},"tune":"never"}'))
      .execute();
    await db.schema
      .alterTable("rollout")
      .addColumn("origin", "text", (c) => c.notNull().defaultTo("request"))
      .execute();
    // What a rollout after a tuning installs.
    await db.schema.alterTable("rollout").addColumn("choice", "text").execute();
    if (dialect === "postgres") {
      await db.schema
        .alterTable("device_deployment")
        .alterColumn("bundle_id", (c) => c.dropNotNull())
        .execute();
      for (const column of ["runtime", "tailoring", "tune"]) {
        await db.schema.alterTable("device_deployment").addColumn(column, "text").execute();
      }
    } else {
      await rebuildDeployments(db);
    }
    await db.schema.createIndex("device_deployment_tune").on("device_deployment").columns(["tune", "status"]).execute();
  },
};

/** SQLite cannot let go of a NOT NULL: the table is made anew (SQLite, "Making Other Kinds Of Table Schema Changes"). */
// biome-ignore lint/suspicious/noExplicitAny: a migration works on whatever the schema was at its time
async function rebuildDeployments(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("device_deployment_new")
    .addColumn("deployment_id", "text", (c) => c.primaryKey())
    .addColumn("rollout_id", "text", (c) => c.notNull().references("rollout.rollout_id").onDelete("cascade"))
    .addColumn("device_id", "text", (c) => c.notNull())
    .addColumn("wave", "integer", (c) => c.notNull())
    .addColumn("bundle_id", "text")
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("step", "text", (c) => c.notNull())
    .addColumn("progress", "text")
    .addColumn("error", "text")
    .addColumn("report_sequence", "bigint", (c) => c.notNull())
    .addColumn("report_boot_id", "text")
    .addColumn("queued_at", "bigint", (c) => c.notNull())
    .addColumn("updated_at", "bigint", (c) => c.notNull())
    .addColumn("deadline_at", "bigint", (c) => c.notNull())
    .addColumn("runtime", "text")
    .addColumn("tailoring", "text")
    .addColumn("tune", "text")
    .addUniqueConstraint("device_deployment_once", ["rollout_id", "device_id"])
    .execute();
  await sql`insert into device_deployment_new select *, null, null, null from device_deployment`.execute(db);
  await db.schema.dropTable("device_deployment").execute();
  await db.schema.alterTable("device_deployment_new").renameTo("device_deployment").execute();
  await db.schema
    .createIndex("device_deployment_device")
    .on("device_deployment")
    .columns(["device_id", "rollout_id"])
    .execute();
  await db.schema
    .createIndex("device_deployment_deadline")
    .on("device_deployment")
    .columns(["status", "deadline_at"])
    .execute();
}
