import type { SchemaMigration } from "../migration.js";

/**
 * Devices are known by certificates, no longer by secrets. Devices that enrolled before stay known, without a certificate: a replacement
 * token gives them one, and they keep name and history.
 */
export const certificatesMigration: SchemaMigration = {
  name: "0085-certificates",
  async up(db) {
    await db.schema
      .createTable("device_identity")
      .addColumn("device_id", "text", (c) => c.primaryKey())
      // Rises with each replacement of the device's board or key.
      .addColumn("generation", "bigint", (c) => c.notNull())
      // Kinds of hardware that the device said it is, the most special first, as JSON.
      .addColumn("hardware", "text", (c) => c.notNull())
      .addColumn("offline_site", "integer", (c) => c.notNull())
      .addColumn("enrolled_at", "bigint", (c) => c.notNull())
      .addColumn("revoked_at", "bigint")
      .execute();
    const enrolled = await db.selectFrom("device_credential").select(["device_id", "created_at"]).execute();
    for (const { device_id, created_at } of enrolled) {
      await db
        .insertInto("device_identity")
        .values({
          device_id,
          generation: 0,
          hardware: "[]",
          offline_site: 0,
          enrolled_at: created_at,
          revoked_at: null,
        })
        .execute();
    }
    await db.schema.dropTable("device_credential").execute();

    await db.schema
      .createTable("device_certificate")
      .addColumn("serial", "text", (c) => c.primaryKey())
      // No reference: a removed device's certificates stay on the revocation list until they end.
      .addColumn("device_id", "text", (c) => c.notNull())
      .addColumn("fingerprint", "text", (c) => c.notNull())
      .addColumn("key_fingerprint", "text", (c) => c.notNull())
      .addColumn("pem", "text", (c) => c.notNull())
      .addColumn("not_before", "bigint", (c) => c.notNull())
      .addColumn("not_after", "bigint", (c) => c.notNull())
      .addColumn("issued_at", "bigint", (c) => c.notNull())
      .addColumn("first_used_at", "bigint")
      .addColumn("revoked_at", "bigint")
      .addColumn("reason", "text")
      .execute();
    await db.schema.createIndex("device_certificate_device").on("device_certificate").column("device_id").execute();
    await db.schema.createIndex("device_certificate_end").on("device_certificate").column("not_after").execute();

    // Tokens made before were a secret alone: devices cannot redeem them any more, and they live for a day at most.
    await db.deleteFrom("enrolment_token").execute();
    await db.schema.alterTable("enrolment_token").addColumn("hardware", "text").execute();
    await db.schema.alterTable("enrolment_token").addColumn("replaces", "text").execute();
    await db.schema.alterTable("enrolment_token").addColumn("offline_site", "integer").execute();
    await db.schema.alterTable("enrolment_token").addColumn("serial", "text").execute();

    await db.schema
      .createTable("pending_enrolment")
      .addColumn("key_fingerprint", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("emulated", "integer", (c) => c.notNull())
      .addColumn("hardware", "text", (c) => c.notNull())
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("first_seen_at", "bigint", (c) => c.notNull())
      .addColumn("last_seen_at", "bigint", (c) => c.notNull())
      .addColumn("expires_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("pending_enrolment_expiry").on("pending_enrolment").column("expires_at").execute();
  },
};
