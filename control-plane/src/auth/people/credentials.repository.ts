import { Injectable } from "@nestjs/common";
import type { Role } from "@sartor/shared/protocol";
import type { Kysely } from "kysely";
import { Database } from "../../database/index.js";
import type { ApiTokenTable, PeopleTables, PersonSessionTable } from "./people.tables.js";

/** Most logins of one user at once: the ones that were unused longest end. */
const MOST_SESSIONS = 32;
/** Most API tokens that are kept, ended ones among them. */
export const MOST_API_TOKENS = 10_000;

export type SessionOfPerson = PersonSessionTable & {
  user_name: string;
  role: Role;
  disabled_at: number | null;
  groups: string | null;
};
export type ApiTokenOfPerson = ApiTokenTable & {
  user_name: string | null;
  /** What its owner may do now. */
  owner_role: Role | null;
  owner_groups: string | null;
  owner_disabled_at: number | null;
};

/** Sessions and API tokens in the database. */
@Injectable()
export class CredentialsRepository {
  constructor(private readonly database: Database) {}

  findSession(tokenHash: string): Promise<SessionOfPerson | undefined> {
    return this.#db()
      .selectFrom("person_session as session")
      .innerJoin("person", "person.person_id", "session.person_id")
      .selectAll("session")
      .select(["person.user_name", "person.role", "person.disabled_at", "person.groups"])
      .where("session.token_hash", "=", tokenHash)
      .executeTakeFirst();
  }

  /** Keeps a login; the user's oldest end where there are too many, and so do all that are past their time. */
  addSession(session: PersonSessionTable, now: number, idleMs: number): Promise<void> {
    return this.database.transaction<PeopleTables, void>(async (db) => {
      await db
        .deleteFrom("person_session")
        .where((eb) => eb.or([eb("expires_at", "<=", now), eb("last_used_at", "<=", now - idleMs)]))
        .execute();
      await db.insertInto("person_session").values(session).execute();
      const kept = db
        .selectFrom("person_session")
        .select("token_hash")
        .where("person_id", "=", session.person_id)
        .orderBy("last_used_at", "desc")
        .orderBy("created_at", "desc")
        .limit(MOST_SESSIONS);
      await db
        .deleteFrom("person_session")
        .where("person_id", "=", session.person_id)
        .where("token_hash", "not in", kept)
        .execute();
    });
  }

  async noteSessionUse(tokenHash: string, now: number): Promise<void> {
    await this.#db()
      .updateTable("person_session")
      .set({ last_used_at: now })
      .where("token_hash", "=", tokenHash)
      .execute();
  }

  async endSession(tokenHash: string): Promise<void> {
    await this.#db().deleteFrom("person_session").where("token_hash", "=", tokenHash).execute();
  }

  /** Ends a user's logins, but for one. */
  async endSessionsOf(personId: string, keep?: string): Promise<void> {
    let query = this.#db().deleteFrom("person_session").where("person_id", "=", personId);
    if (keep !== undefined) query = query.where("token_hash", "!=", keep);
    await query.execute();
  }

  findApiToken(tokenHash: string): Promise<ApiTokenOfPerson | undefined> {
    return this.#apiTokens().where("token.token_hash", "=", tokenHash).executeTakeFirst();
  }

  findApiTokenById(tokenId: string): Promise<ApiTokenOfPerson | undefined> {
    return this.#apiTokens().where("token.token_id", "=", tokenId).executeTakeFirst();
  }

  /** The newest first. */
  listApiTokens(): Promise<ApiTokenOfPerson[]> {
    return this.#apiTokens().orderBy("token.token_id", "desc").limit(MOST_API_TOKENS).execute();
  }

  async countApiTokens(): Promise<number> {
    const { count } = await this.#db()
      .selectFrom("api_token")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  async addApiToken(token: ApiTokenTable): Promise<void> {
    await this.#db().insertInto("api_token").values(token).execute();
  }

  async noteApiTokenUse(tokenId: string, now: number): Promise<void> {
    await this.#db().updateTable("api_token").set({ last_used_at: now }).where("token_id", "=", tokenId).execute();
  }

  /** False when there is no such token. One that was revoked stays so, with its first date. */
  async revokeApiToken(tokenId: string, now: number): Promise<boolean> {
    const revoked = await this.#db()
      .updateTable("api_token")
      .set((eb) => ({ revoked_at: eb.fn.coalesce("revoked_at", eb.val(now)) }))
      .where("token_id", "=", tokenId)
      .executeTakeFirst();
    return revoked.numUpdatedRows === 1n;
  }

  /** Forgets API tokens that ended before a time. */
  async forgetApiTokensEndedBefore(before: number): Promise<void> {
    await this.#db()
      .deleteFrom("api_token")
      .where((eb) => eb.or([eb("expires_at", "<", before), eb("revoked_at", "<", before)]))
      .execute();
  }

  #apiTokens() {
    return this.#db()
      .selectFrom("api_token as token")
      .leftJoin("person", "person.person_id", "token.person_id")
      .selectAll("token")
      .select([
        "person.user_name",
        "person.role as owner_role",
        "person.groups as owner_groups",
        "person.disabled_at as owner_disabled_at",
      ]);
  }

  #db(): Kysely<PeopleTables> {
    return this.database.tables<PeopleTables>();
  }
}
