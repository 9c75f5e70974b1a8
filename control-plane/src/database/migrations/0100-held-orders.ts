import type { SchemaMigration } from "../migration.js";

/** Orders are signed before devices hear of them: what keeps one from being signed, and every order anew, since none was signed so far. */
export const heldOrdersMigration: SchemaMigration = {
  name: "0100-held-orders",
  async up(db) {
    await db.schema.alterTable("desired_state").addColumn("held", "text").execute();
    await db.schema
      .createIndex("desired_state_unpublished")
      .on("desired_state")
      .columns(["published", "held"])
      .execute();
    await db.updateTable("desired_state").set({ published: 0 }).execute();
  },
};
