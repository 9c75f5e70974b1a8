import { createHmac } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { LoginRequest } from "@sartor/shared/protocol";
import { Clock, Ids, Settings } from "../../config/index.js";
import { EventBus } from "../../events/index.js";
import type { Person } from "../../http/index.js";
import { hashSecret, secretsEqual } from "../secrets.js";
import { CredentialsRepository, type SessionOfPerson } from "./credentials.repository.js";
import { LoginLimits } from "./login-limits.js";
import { PasswordHasher } from "./password-hasher.js";
import { requireStrong } from "./password-rules.js";
import { PeopleRepository } from "./people.repository.js";
import type { PersonTable } from "./people.tables.js";
import { scopeOfColumn } from "./stored-groups.js";

/** Randomness of a session's secret, bytes. */
const SECRET_BYTES = 32;
/** In front of a session's secret, so that it is known for what it is. */
export const SESSION_PREFIX = "srt_session_";
/** A use is noted once in this time, ms: not each request has to write. */
const NOTE_USE_MS = 60_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A login that has just begun. */
export interface BegunSession {
  readonly secret: string;
  readonly person: Person;
}

/** Logs people in and out, and knows who is behind a session. */
@Injectable()
export class Sessions {
  constructor(
    private readonly people: PeopleRepository,
    private readonly credentials: CredentialsRepository,
    private readonly hasher: PasswordHasher,
    private readonly limits: LoginLimits,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly settings: Settings,
  ) {}

  /**
   * Logs in with a password. Whether the name, the password or the user's state was the reason is not told, nor by the time it takes.
   *
   * @param known is told the user's name where there is such a user: what else was typed into that field may be a password
   * @throws SartorError SRT_LOGIN_FAILED, SRT_RATE_LIMITED
   */
  async logIn(request: LoginRequest, address: string, known: (userName: string) => void): Promise<BegunSession> {
    const userName = request.userName.toLowerCase();
    this.limits.takeAddress(address);
    this.limits.takeUser(userName);
    const person = await this.people.find(userName);
    if (person !== undefined) known(userName);
    const checked = await this.hasher.check(request.password, person?.password_hash ?? null);
    if (person === undefined || !checked.matches || person.disabled_at !== null) {
      throw new SartorError("SRT_LOGIN_FAILED", "User name or password is wrong, or the login was disabled.");
    }
    const rehashed = checked.outdated ? { password_hash: await this.hasher.hash(request.password) } : {};
    await this.people.noteLogin(person.person_id, this.clock.now(), rehashed);
    return this.begin(person, request.kind, address);
  }

  /** Begins a session of somebody who has proven who they are. */
  async begin(person: PersonTable, kind: "cookie" | "bearer", address: string): Promise<BegunSession> {
    const now = this.clock.now();
    const secret = SESSION_PREFIX + this.ids.secret(SECRET_BYTES);
    const session = {
      token_hash: hashSecret(secret),
      person_id: person.person_id,
      kind,
      address,
      created_at: now,
      last_used_at: now,
      expires_at: now + this.settings.sessionHours * HOUR_MS,
    };
    await this.credentials.addSession(session, now, this.settings.sessionIdleMinutes * MINUTE_MS);
    const { user_name, role, disabled_at, groups } = person;
    return { secret, person: personOf({ ...session, user_name, role, disabled_at, groups }) };
  }

  /**
   * Who is behind a session's secret.
   *
   * @throws SartorError SRT_SESSION_EXPIRED
   */
  async identify(secret: string, kind: "cookie" | "bearer"): Promise<Person> {
    const session = await this.#find(hashSecret(secret));
    if (session === undefined || session.kind !== kind) {
      throw new SartorError("SRT_SESSION_EXPIRED", "The session is over: log in again.");
    }
    const now = this.clock.now();
    if (now - session.last_used_at >= NOTE_USE_MS) await this.credentials.noteSessionUse(session.token_hash, now);
    return personOf(session);
  }

  /** Who is behind a session now, without its counting as a use of it; undefined where it is over. */
  async find(credentialId: string): Promise<Person | undefined> {
    const session = await this.#find(credentialId);
    return session === undefined ? undefined : personOf(session);
  }

  /** Ends one session. */
  async logOut(person: Person): Promise<void> {
    await this.credentials.endSession(person.credentialId);
    this.events.emit("person.access_ended", { credentialId: person.credentialId });
  }

  /**
   * Changes the own password; the user's other sessions end.
   *
   * @throws SartorError SRT_LOGIN_FAILED when the present one is wrong, SRT_PASSWORD_WEAK, SRT_CONFLICT for who has none here
   */
  async changePassword(person: Person, current: string, next: string): Promise<void> {
    const row = await this.people.find(person.name);
    if (person.kind !== "user" || row === undefined || row.password_hash === null) {
      throw new SartorError("SRT_CONFLICT", "Only who logs in with a password here can change it.");
    }
    this.limits.takeUser(row.user_name);
    const { matches } = await this.hasher.check(current, row.password_hash);
    if (!matches) throw new SartorError("SRT_LOGIN_FAILED", "The present password is wrong.");
    requireStrong(next, row.user_name);
    await this.people.noteLogin(row.person_id, this.clock.now(), { password_hash: await this.hasher.hash(next) });
    await this.credentials.endSessionsOf(row.person_id, person.credentialId);
    this.events.emit("person.access_ended", { personId: row.person_id });
  }

  async #find(tokenHash: string): Promise<SessionOfPerson | undefined> {
    const session = await this.credentials.findSession(tokenHash);
    if (session === undefined || session.disabled_at !== null) return undefined;
    const now = this.clock.now();
    const idleEnd = session.last_used_at + this.settings.sessionIdleMinutes * MINUTE_MS;
    return now < session.expires_at && now < idleEnd ? session : undefined;
  }
}

function personOf(session: SessionOfPerson): Person {
  return {
    kind: "user",
    id: session.user_name,
    name: session.user_name,
    role: session.role,
    scopes: null,
    groups: scopeOfColumn(session.groups),
    personId: session.person_id,
    credentialId: session.token_hash,
    expiresAt: session.expires_at,
  };
}

/** What a page sends along with what changes something: bound to its session, and not readable by another site. */
export function csrfOf(secret: string): string {
  return createHmac("sha256", secret).update("sartor csrf 1", "utf8").digest("base64url");
}

export function csrfFits(secret: string, candidate: string): boolean {
  return secretsEqual(csrfOf(secret), candidate);
}
