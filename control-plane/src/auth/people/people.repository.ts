import { Injectable } from "@nestjs/common";
import type { Kysely, Transaction } from "kysely";
import { Database } from "../../database/index.js";
import type { PeopleTables, PersonTable } from "./people.tables.js";

/** Most users that are listed, and that there may be. */
export const MOST_USERS = 10_000;

export type PersonChange = Partial<Pick<PersonTable, "role" | "password_hash" | "disabled_at" | "groups">>;

/** What a login may bring: what the identity provider says, or a password that was hashed anew. */
export type LoginChange = Partial<Pick<PersonTable, "role" | "groups">> & { password_hash?: string };

/** What came of a change that must not leave nobody in charge. */
export type ChangeOutcome = "done" | "unknown" | "last_admin";

/** Users in the database. */
@Injectable()
export class PeopleRepository {
  constructor(private readonly database: Database) {}

  find(userName: string): Promise<PersonTable | undefined> {
    return this.#db().selectFrom("person").selectAll().where("user_name", "=", userName).executeTakeFirst();
  }

  findBySubject(issuer: string, subject: string): Promise<PersonTable | undefined> {
    return this.#db()
      .selectFrom("person")
      .selectAll()
      .where("oidc_issuer", "=", issuer)
      .where("oidc_subject", "=", subject)
      .executeTakeFirst();
  }

  /** All users with how many sessions each has. */
  list(): Promise<(PersonTable & { sessions: number })[]> {
    return this.#db()
      .selectFrom("person")
      .selectAll("person")
      .select((eb) =>
        eb
          .selectFrom("person_session")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .whereRef("person_session.person_id", "=", "person.person_id")
          .as("sessions"),
      )
      .orderBy("user_name")
      .limit(MOST_USERS)
      .$castTo<PersonTable & { sessions: number }>()
      .execute();
  }

  async count(): Promise<number> {
    const { count } = await this.#db()
      .selectFrom("person")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Tells whether anybody logs in with a password. */
  async anyPassword(): Promise<boolean> {
    const row = await this.#db()
      .selectFrom("person")
      .select("person_id")
      .where("password_hash", "is not", null)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Adds a user; false when the name, or the subject at the identity provider, is taken. */
  async add(person: PersonTable): Promise<boolean> {
    const added = await this.#db()
      .insertInto("person")
      .values(person)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return added.numInsertedOrUpdatedRows === 1n;
  }

  async noteLogin(personId: string, now: number, changes: LoginChange = {}): Promise<void> {
    await this.#db()
      .updateTable("person")
      .set({ last_login_at: now, ...changes })
      .where("person_id", "=", personId)
      .execute();
  }

  /** Changes a user, unless nobody could administer the control plane then. */
  change(personId: string, changes: PersonChange, operatorTokenCounts: boolean): Promise<ChangeOutcome> {
    return this.#guarded(operatorTokenCounts, async (db) => {
      const changed = await db.updateTable("person").set(changes).where("person_id", "=", personId).executeTakeFirst();
      return changed.numUpdatedRows === 1n;
    });
  }

  /** Removes a user with all sessions and API tokens, unless nobody could administer the control plane then. */
  remove(personId: string, operatorTokenCounts: boolean): Promise<ChangeOutcome> {
    return this.#guarded(operatorTokenCounts, async (db) => {
      const removed = await db.deleteFrom("person").where("person_id", "=", personId).executeTakeFirst();
      return removed.numDeletedRows === 1n;
    });
  }

  async operatorTokenEnabled(): Promise<boolean> {
    const row = await this.#db().selectFrom("operator_token").select("enabled").where("id", "=", 1).executeTakeFirst();
    return row?.enabled === 1;
  }

  /** Says whether the operator token counts; refused when nobody could administer the control plane then. */
  setOperatorToken(enabled: boolean): Promise<ChangeOutcome> {
    return this.#guarded(false, async (db) => {
      await db
        .updateTable("operator_token")
        .set({ enabled: enabled ? 1 : 0 })
        .where("id", "=", 1)
        .execute();
      return true;
    });
  }

  /**
   * Does something and takes it back when no admin is left. Written before anything is read: of two such changes at once, the later one
   * sees the other.
   */
  async #guarded(
    operatorTokenCounts: boolean,
    change: (db: Transaction<PeopleTables>) => Promise<boolean>,
  ): Promise<ChangeOutcome> {
    try {
      return await this.database.transaction<PeopleTables, ChangeOutcome>(async (db) => {
        await db
          .updateTable("operator_token")
          .set((eb) => ({ enabled: eb.ref("enabled") }))
          .where("id", "=", 1)
          .execute();
        if (!(await change(db))) return "unknown";
        if (!operatorTokenCounts && !(await hasAdmin(db))) throw new LastAdmin();
        return "done";
      });
    } catch (error) {
      if (error instanceof LastAdmin) return "last_admin";
      throw error;
    }
  }

  #db(): Kysely<PeopleTables> {
    return this.database.tables<PeopleTables>();
  }
}

class LastAdmin extends Error {}

/** Somebody can administer: by the operator token, or an admin with a password, for all groups. One of the identity provider may lose it there. */
async function hasAdmin(db: Transaction<PeopleTables>): Promise<boolean> {
  const token = await db.selectFrom("operator_token").select("enabled").where("id", "=", 1).executeTakeFirst();
  if (token?.enabled === 1) return true;
  const admin = await db
    .selectFrom("person")
    .select("person_id")
    .where("role", "=", "admin")
    .where("disabled_at", "is", null)
    .where("password_hash", "is not", null)
    .where("groups", "is", null)
    .limit(1)
    .executeTakeFirst();
  return admin !== undefined;
}
