import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { UserChange, UserRequest, UserView } from "@sartor/shared/protocol";
import { Clock, Ids, Settings } from "../../config/index.js";
import { EventBus } from "../../events/index.js";
import type { Person } from "../../http/index.js";
import { CredentialsRepository } from "./credentials.repository.js";
import { PasswordHasher } from "./password-hasher.js";
import { requireStrong } from "./password-rules.js";
import { type ChangeOutcome, MOST_USERS, PeopleRepository } from "./people.repository.js";
import type { PersonTable } from "./people.tables.js";
import { groupsColumn, scopeOfColumn } from "./stored-groups.js";

/** Who may log in, and what they may do. */
@Injectable()
export class Users {
  constructor(
    private readonly people: PeopleRepository,
    private readonly credentials: CredentialsRepository,
    private readonly hasher: PasswordHasher,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly settings: Settings,
  ) {}

  async list(): Promise<UserView[]> {
    return (await this.people.list()).map(viewOf);
  }

  /** @throws SartorError SRT_USER_EXISTS, SRT_PASSWORD_WEAK */
  async add({ userName, role, password, groups = null }: UserRequest): Promise<UserView> {
    requireStrong(password, userName);
    if ((await this.people.count()) >= MOST_USERS) {
      throw new SartorError("SRT_CONFLICT", `There are ${MOST_USERS} users already.`);
    }
    const person: PersonTable = {
      person_id: this.ids.ulid(),
      user_name: userName,
      role,
      password_hash: await this.hasher.hash(password),
      oidc_issuer: null,
      oidc_subject: null,
      disabled_at: null,
      created_at: this.clock.now(),
      last_login_at: null,
      groups: groupsColumn(groups),
    };
    if (await this.people.add(person)) return viewOf({ ...person, sessions: 0 });
    throw new SartorError("SRT_USER_EXISTS", `A user ${userName} exists.`, { details: { userName } });
  }

  /**
   * Changes role, groups, password or whether a user may log in. A new password and a disabled user end all sessions at once.
   *
   * @throws SartorError SRT_USER_UNKNOWN, SRT_PASSWORD_WEAK, SRT_CONFLICT when no admin would be left
   */
  async change(userName: string, change: UserChange): Promise<UserView> {
    const person = await this.#get(userName);
    if (person.password_hash === null && isSaidElsewhere(change)) {
      throw new SartorError(
        "SRT_CONFLICT",
        `${userName} logs in at the identity provider, which says role, groups and password.`,
      );
    }
    if (change.password !== undefined) requireStrong(change.password, userName);
    const disabledAt = change.disabled ? (person.disabled_at ?? this.clock.now()) : null;
    const changes = {
      ...(change.role === undefined ? {} : { role: change.role }),
      ...(change.groups === undefined ? {} : { groups: groupsColumn(change.groups) }),
      ...(change.password === undefined ? {} : { password_hash: await this.hasher.hash(change.password) }),
      ...(change.disabled === undefined ? {} : { disabled_at: disabledAt }),
    };
    if (Object.keys(changes).length > 0) {
      requireDone(await this.people.change(person.person_id, changes, this.settings.operatorTokenAlways), userName);
    }
    if (change.password !== undefined || change.disabled === true) await this.logOut(userName);
    else if (change.groups !== undefined) this.events.emit("person.access_changed", { personId: person.person_id });
    const changed = (await this.people.list()).find(({ person_id }) => person_id === person.person_id);
    if (changed === undefined) throw unknownUser(userName);
    return viewOf(changed);
  }

  /** Removes a user with all sessions and API tokens. */
  async remove(userName: string): Promise<void> {
    const { person_id: personId } = await this.#get(userName);
    requireDone(await this.people.remove(personId, this.settings.operatorTokenAlways), userName);
    this.events.emit("person.access_ended", { personId });
  }

  /** Ends all sessions of a user. */
  async logOut(userName: string): Promise<void> {
    const { person_id: personId } = await this.#get(userName);
    await this.credentials.endSessionsOf(personId);
    this.events.emit("person.access_ended", { personId });
  }

  /** Whether the operator token of the state folder counts. */
  async operatorTokenEnabled(): Promise<boolean> {
    return this.settings.operatorTokenAlways || (await this.people.operatorTokenEnabled());
  }

  /**
   * Switches the operator token on or off.
   *
   * @throws SartorError SRT_CONFLICT when nobody would be in charge, or whoever asks has not shown that they can log in
   */
  async setOperatorToken(enabled: boolean, by: Person): Promise<void> {
    if (!enabled && by.kind !== "user") {
      throw new SartorError(
        "SRT_CONFLICT",
        "Log in as an admin to disable the operator token, so that it is sure that somebody can.",
      );
    }
    if (!enabled && this.settings.operatorTokenAlways) {
      throw new SartorError("SRT_CONFLICT", "SARTOR_OPERATOR_TOKEN_ALWAYS is set: the operator token counts.");
    }
    if ((await this.people.setOperatorToken(enabled)) === "last_admin") {
      throw new SartorError("SRT_CONFLICT", "There is no admin with a password, for all groups, who could take over.");
    }
    if (!enabled) this.events.emit("person.access_ended", { credentialId: OPERATOR_TOKEN_ID });
  }

  async #get(userName: string): Promise<PersonTable> {
    const person = await this.people.find(userName);
    if (person === undefined) throw unknownUser(userName);
    return person;
  }
}

/** What the identity provider says of who logs in there. */
function isSaidElsewhere({ role, password, groups }: UserChange): boolean {
  return role !== undefined || password !== undefined || groups !== undefined;
}

/** The operator token's {@link Person.credentialId}. */
export const OPERATOR_TOKEN_ID = "operator-token";

function requireDone(outcome: ChangeOutcome, userName: string): void {
  if (outcome === "unknown") throw unknownUser(userName);
  if (outcome === "last_admin") {
    throw new SartorError(
      "SRT_CONFLICT",
      `${userName} is the last admin with a password who is for all groups, and the operator token is disabled: nobody could let anybody in.`,
    );
  }
}

function unknownUser(userName: string): SartorError {
  return new SartorError("SRT_USER_UNKNOWN", `There is no user ${userName}.`, { details: { userName } });
}

function viewOf(person: PersonTable & { sessions: number }): UserView {
  return {
    userName: person.user_name,
    role: person.role,
    groups: scopeOfColumn(person.groups),
    login: person.password_hash === null ? "oidc" : "password",
    disabled: person.disabled_at !== null,
    createdAt: person.created_at,
    lastLoginAt: person.last_login_at,
    sessions: Number(person.sessions),
  };
}
