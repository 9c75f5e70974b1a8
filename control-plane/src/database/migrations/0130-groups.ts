import type { SchemaMigration } from "../migration.js";

/** Groups of devices, and who may see which. Devices of before are in the group `default`; people and tokens of before may see all. */
export const groupsMigration: SchemaMigration = {
  name: "0130-groups",
  async up(db) {
    await db.schema
      .alterTable("device_identity")
      .addColumn("group_name", "text", (c) => c.notNull().defaultTo("default"))
      .execute();
    await db.schema.createIndex("device_identity_group").on("device_identity").column("group_name").execute();
    // Null where the token gives a device that is there a new key: it stays in its group.
    await db.schema.alterTable("enrolment_token").addColumn("group_name", "text").execute();
    // JSON; null means all.
    await db.schema.alterTable("person").addColumn("groups", "text").execute();
    await db.schema.alterTable("api_token").addColumn("groups", "text").execute();
  },
};
