import type { SchemaMigration } from "../migration.js";

/** People and programs that operate the control plane, and the log of what they did. */
export const peopleMigration: SchemaMigration = {
  name: "0095-people",
  async up(db) {
    await db.schema
      .createTable("person")
      .addColumn("person_id", "text", (c) => c.primaryKey())
      .addColumn("user_name", "text", (c) => c.notNull().unique())
      .addColumn("role", "text", (c) => c.notNull())
      // With its algorithm and parameters; null for who logs in at the identity provider.
      .addColumn("password_hash", "text")
      .addColumn("oidc_issuer", "text")
      .addColumn("oidc_subject", "text")
      .addColumn("disabled_at", "bigint")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("last_login_at", "bigint")
      .addUniqueConstraint("person_oidc", ["oidc_issuer", "oidc_subject"])
      .execute();

    await db.schema
      .createTable("person_session")
      .addColumn("token_hash", "text", (c) => c.primaryKey())
      .addColumn("person_id", "text", (c) => c.notNull().references("person.person_id").onDelete("cascade"))
      .addColumn("kind", "text", (c) => c.notNull())
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("last_used_at", "bigint", (c) => c.notNull())
      .addColumn("expires_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("person_session_person").on("person_session").column("person_id").execute();
    await db.schema.createIndex("person_session_end").on("person_session").column("expires_at").execute();

    await db.schema
      .createTable("api_token")
      .addColumn("token_id", "text", (c) => c.primaryKey())
      .addColumn("token_hash", "text", (c) => c.notNull().unique())
      // Null where the operator token made it.
      .addColumn("person_id", "text", (c) => c.references("person.person_id").onDelete("cascade"))
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("role", "text", (c) => c.notNull())
      // JSON; null means all.
      .addColumn("scopes", "text")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("expires_at", "bigint", (c) => c.notNull())
      .addColumn("last_used_at", "bigint")
      .addColumn("revoked_at", "bigint")
      .execute();

    // One row: whether the operator token of the state folder counts. Changes of who is an admin lock it.
    await db.schema
      .createTable("operator_token")
      .addColumn("id", "integer", (c) => c.primaryKey())
      .addColumn("enabled", "integer", (c) => c.notNull())
      .execute();
    await db.insertInto("operator_token").values({ id: 1, enabled: 1 }).execute();

    await db.schema
      .createTable("audit_entry")
      .addColumn("sequence", "bigint", (c) => c.primaryKey())
      // Canonical JSON. Everything that an entry says is in here, so that everything is under its hash.
      .addColumn("text", "text", (c) => c.notNull())
      .addColumn("previous_hash", "text", (c) => c.notNull())
      .addColumn("hash", "text", (c) => c.notNull())
      .execute();
    // One row: the end of the chain. Writers lock it; cutting off the end of the log without changing it shows.
    await db.schema
      .createTable("audit_head")
      .addColumn("id", "integer", (c) => c.primaryKey())
      .addColumn("sequence", "bigint", (c) => c.notNull())
      .addColumn("hash", "text", (c) => c.notNull())
      .execute();
    await db
      .insertInto("audit_head")
      .values({ id: 1, sequence: 0, hash: "0".repeat(64) })
      .execute();
  },
};
