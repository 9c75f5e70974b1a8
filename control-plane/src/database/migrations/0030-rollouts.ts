import type { SchemaMigration } from "../migration.js";

/** Rollouts, their devices, their deployments, and what each device was told last. */
export const rolloutsMigration: SchemaMigration = {
  name: "0030-rollouts",
  async up(db) {
    await db.schema
      .createTable("rollout")
      .addColumn("rollout_id", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("model", "text", (c) => c.notNull())
      .addColumn("version", "text", (c) => c.notNull())
      .addColumn("deadline_ms", "bigint", (c) => c.notNull())
      .addColumn("probe", "text", (c) => c.notNull())
      .addColumn("status", "text", (c) => c.notNull())
      .addColumn("wave", "integer", (c) => c.notNull())
      // An operator's command only sets this; the executor acts on it.
      .addColumn("cancel_requested_at", "bigint")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("finished_at", "bigint")
      .execute();
    await db.schema.createIndex("rollout_status").on("rollout").column("status").execute();

    await db.schema
      .createTable("rollout_device")
      .addColumn("rollout_id", "text", (c) => c.notNull().references("rollout.rollout_id").onDelete("cascade"))
      .addColumn("wave", "integer", (c) => c.notNull())
      .addColumn("device_id", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("rollout_device_key", ["rollout_id", "wave", "device_id"])
      .execute();
    await db.schema.createIndex("rollout_device_device").on("rollout_device").column("device_id").execute();

    await db.schema
      .createTable("device_deployment")
      .addColumn("deployment_id", "text", (c) => c.primaryKey())
      .addColumn("rollout_id", "text", (c) => c.notNull().references("rollout.rollout_id").onDelete("cascade"))
      .addColumn("device_id", "text", (c) => c.notNull())
      .addColumn("wave", "integer", (c) => c.notNull())
      .addColumn("bundle_id", "text", (c) => c.notNull())
      .addColumn("status", "text", (c) => c.notNull())
      .addColumn("step", "text", (c) => c.notNull())
      .addColumn("progress", "text")
      .addColumn("error", "text")
      .addColumn("report_sequence", "bigint", (c) => c.notNull())
      .addColumn("report_boot_id", "text")
      .addColumn("queued_at", "bigint", (c) => c.notNull())
      .addColumn("updated_at", "bigint", (c) => c.notNull())
      .addColumn("deadline_at", "bigint", (c) => c.notNull())
      .addUniqueConstraint("device_deployment_once", ["rollout_id", "device_id"])
      .execute();
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

    await db.schema
      .createTable("desired_state")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      .addColumn("generation", "bigint", (c) => c.notNull())
      .addColumn("desired", "text", (c) => c.notNull())
      .addColumn("published", "integer", (c) => c.notNull())
      .execute();

    // Devices whose desired state is to be computed anew: written with the change that asks for it, so that no crash loses it.
    await db.schema
      .createTable("device_to_plan")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      .execute();
  },
};
