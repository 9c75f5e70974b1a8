import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  type ApiScope,
  type ApiTokenReply,
  type ApiTokenRequest,
  type ApiTokenView,
  intersectScopes,
  type Role,
  roleIncludes,
} from "@sartor/shared/protocol";
import { Clock, Ids } from "../../config/index.js";
import { EventBus } from "../../events/index.js";
import type { Person } from "../../http/index.js";
import { hashSecret } from "../secrets.js";
import { type ApiTokenOfPerson, CredentialsRepository, MOST_API_TOKENS } from "./credentials.repository.js";
import { groupsColumn, scopeOfColumn } from "./stored-groups.js";

const SECRET_BYTES = 32;
/** In front of an API token's secret, so that scanners for leaked secrets find it. */
export const API_TOKEN_PREFIX = "srt_api_";
const DAY_MS = 86_400_000;
/** How long tokens that ended are listed, ms. */
const REMEMBER_MS = 90 * DAY_MS;
const NOTE_USE_MS = 60_000;

/** Credentials of programs: a role, the parts of the interface that they are for, an end. */
@Injectable()
export class ApiTokens {
  constructor(
    private readonly credentials: CredentialsRepository,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /** Makes a token; this is the only time that it is shown. It never may more than its owner may at the time. */
  async create(request: ApiTokenRequest, by: Person): Promise<ApiTokenReply> {
    const now = this.clock.now();
    await this.credentials.forgetApiTokensEndedBefore(now - REMEMBER_MS);
    if ((await this.credentials.countApiTokens()) >= MOST_API_TOKENS) {
      throw new SartorError("SRT_CONFLICT", `There are ${MOST_API_TOKENS} API tokens already.`);
    }
    const token = API_TOKEN_PREFIX + this.ids.secret(SECRET_BYTES);
    const tokenId = this.ids.ulid();
    const expiresAt = now + request.lifetimeDays * DAY_MS;
    await this.credentials.addApiToken({
      token_id: tokenId,
      token_hash: hashSecret(token),
      person_id: by.personId,
      name: request.name,
      role: request.role,
      scopes: request.scopes === undefined ? null : JSON.stringify([...new Set(request.scopes)]),
      groups: groupsColumn(request.groups ?? null),
      created_at: now,
      expires_at: expiresAt,
      last_used_at: null,
      revoked_at: null,
    });
    return { tokenId, token, expiresAt };
  }

  async list(): Promise<ApiTokenView[]> {
    return (await this.credentials.listApiTokens()).map((row) => ({
      tokenId: row.token_id,
      name: row.name,
      role: row.role,
      scopes: scopesOf(row),
      groups: scopeOfColumn(row.groups),
      owner: row.user_name,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      lastUsedAt: row.last_used_at,
      revokedAt: row.revoked_at,
    }));
  }

  /** @throws SartorError SRT_API_TOKEN_UNKNOWN */
  async revoke(tokenId: string): Promise<void> {
    if (!(await this.credentials.revokeApiToken(tokenId, this.clock.now()))) {
      throw new SartorError("SRT_API_TOKEN_UNKNOWN", `There is no API token ${tokenId}.`, { details: { tokenId } });
    }
    this.events.emit("person.access_ended", { credentialId: tokenId });
  }

  /**
   * Who is behind a token.
   *
   * @throws SartorError SRT_UNAUTHENTICATED
   */
  async identify(token: string): Promise<Person> {
    const row = await this.credentials.findApiToken(hashSecret(token));
    const now = this.clock.now();
    if (row === undefined || !holds(row, now)) {
      throw new SartorError("SRT_UNAUTHENTICATED", "The API token is unknown, was revoked, or has ended.");
    }
    if (now - (row.last_used_at ?? 0) >= NOTE_USE_MS) await this.credentials.noteApiTokenUse(row.token_id, now);
    return personOf(row);
  }

  /** Who is behind a token now; undefined where it does not hold any more. */
  async find(tokenId: string): Promise<Person | undefined> {
    const row = await this.credentials.findApiTokenById(tokenId);
    return row !== undefined && holds(row, this.clock.now()) ? personOf(row) : undefined;
  }
}

/** What a token and its owner both may: where the owner may less than before, so may the token. */
function personOf(row: ApiTokenOfPerson): Person {
  return {
    kind: "api_token",
    id: row.token_id,
    name: row.name,
    role: lower(row.role, row.owner_role ?? row.role),
    scopes: scopesOf(row),
    groups: intersectScopes(scopeOfColumn(row.groups), scopeOfColumn(row.owner_groups)),
    personId: row.person_id,
    credentialId: row.token_id,
    expiresAt: row.expires_at,
  };
}

function holds(row: ApiTokenOfPerson, now: number): boolean {
  return row.revoked_at === null && now < row.expires_at && row.owner_disabled_at === null;
}

function scopesOf(row: ApiTokenOfPerson): ApiScope[] | null {
  return row.scopes === null ? null : (JSON.parse(row.scopes) as ApiScope[]);
}

function lower(one: Role, other: Role): Role {
  return roleIncludes(one, other) ? other : one;
}
