import { createHash, randomBytes } from "node:crypto";
import { Injectable, Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import * as oidc from "openid-client";
import { type ClaimedRole, Clock, Ids, PublicAddresses, Settings } from "../../config/index.js";
import { EventBus } from "../../events/index.js";
import { OidcProvider } from "./oidc-provider.js";
import { roleOfClaim, userNameOfClaims } from "./oidc-role.js";
import { MOST_USERS, PeopleRepository } from "./people.repository.js";
import type { PersonTable } from "./people.tables.js";
import { type BegunSession, Sessions } from "./sessions.service.js";
import { groupsColumn } from "./stored-groups.js";

/** How long a person may take at the identity provider, ms. */
export const LOGIN_WITHIN_MS = 10 * 60_000;
/** Logins under way at once; the oldest makes place. */
const MOST_UNDER_WAY = 1_000;
/** Where the identity provider sends people back to. */
export const CALLBACK_PATH = "/api/v1/oidc/callback";
/** Letters behind a name that somebody has already. */
const SUFFIX_LETTERS = 6;

/** What must come back, kept here and never in the browser. */
interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly endsAt: number;
}

export interface BegunLogin {
  /** Goes into a cookie: the way back must end in the browser that it began in. */
  readonly secret: string;
  /** Address at the identity provider. */
  readonly url: URL;
}

/** Login at an identity provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1). */
@Injectable()
export class OidcLogins {
  readonly #logger = new Logger(OidcLogins.name);
  readonly #provider: OidcProvider | undefined;
  readonly #attempts = new Map<string, Attempt>();

  constructor(
    private readonly settings: Settings,
    private readonly addresses: PublicAddresses,
    private readonly people: PeopleRepository,
    private readonly sessions: Sessions,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    this.#provider = settings.oidc === undefined ? undefined : new OidcProvider(settings.oidc, clock);
  }

  get offered(): boolean {
    return this.#provider !== undefined;
  }

  /** @throws SartorError SRT_NOT_FOUND when it is not set up, SRT_OIDC_FAILED when the provider does not answer */
  async begin(): Promise<BegunLogin> {
    const { provider, settings } = this.#requireProvider();
    const configuration = await this.#guarded(() => provider.configuration());
    const verifier = oidc.randomPKCECodeVerifier();
    const attempt = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier };
    const secret = randomBytes(32).toString("base64url");
    this.#attempts.set(keyOf(secret), { ...attempt, endsAt: this.clock.now() + LOGIN_WITHIN_MS });
    const oldest = this.#attempts.keys().next();
    if (this.#attempts.size > MOST_UNDER_WAY && !oldest.done) this.#attempts.delete(oldest.value);
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.addresses.httpUrl() + CALLBACK_PATH,
      scope: settings.scope,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    return { secret, url };
  }

  /**
   * Ends a login: each attempt can be ended once.
   *
   * @param query what the identity provider sent back, from `?` on
   * @throws SartorError SRT_OIDC_FAILED; SRT_ROLE_TOO_LOW for who has no role here; SRT_LOGIN_FAILED for a disabled user
   */
  async end(secret: string | undefined, query: string, address: string): Promise<BegunSession> {
    const { provider, settings } = this.#requireProvider();
    const key = secret === undefined ? undefined : keyOf(secret);
    const attempt = key === undefined ? undefined : this.#attempts.get(key);
    if (key !== undefined) this.#attempts.delete(key);
    if (attempt === undefined || this.clock.now() >= attempt.endsAt) {
      throw new SartorError(
        "SRT_OIDC_FAILED",
        "This login was not begun in this browser, or took too long: try again.",
      );
    }
    const claims = await this.#guarded(async () => {
      const tokens = await oidc.authorizationCodeGrant(
        await provider.configuration(),
        new URL(this.addresses.httpUrl() + CALLBACK_PATH + query),
        {
          pkceCodeVerifier: attempt.verifier,
          expectedState: attempt.state,
          expectedNonce: attempt.nonce,
          idTokenExpected: true,
        },
      );
      const received = tokens.claims();
      if (received === undefined) throw new Error("the identity provider sent no ID token");
      return received;
    });
    const claimed = roleOfClaim(claims[settings.roleClaim], settings.roles);
    if (claimed === undefined) {
      throw new SartorError(
        "SRT_ROLE_TOO_LOW",
        `The identity provider gives this person no role here (claim ${settings.roleClaim}).`,
      );
    }
    const person = await this.#personOf(settings.issuer.href, claims, claimed);
    if (person.disabled_at !== null) throw new SartorError("SRT_LOGIN_FAILED", "This login was disabled.");
    const said = { role: claimed.role, groups: groupsColumn(claimed.groups) };
    await this.people.noteLogin(person.person_id, this.clock.now(), said);
    if (person.groups !== said.groups) this.events.emit("person.access_changed", { personId: person.person_id });
    return this.sessions.begin({ ...person, ...said }, "cookie", address);
  }

  /** The user of a subject. A name never decides: somebody else may have it here already. */
  async #personOf(issuer: string, claims: oidc.IDToken, { role, groups }: ClaimedRole): Promise<PersonTable> {
    const known = await this.people.findBySubject(issuer, claims.sub);
    if (known !== undefined) return known;
    if ((await this.people.count()) >= MOST_USERS) {
      throw new SartorError("SRT_CONFLICT", `There are ${MOST_USERS} users already.`);
    }
    const name = userNameOfClaims(claims);
    for (const userName of [name, `${name}-${this.ids.suffix(SUFFIX_LETTERS)}`]) {
      const person: PersonTable = {
        person_id: this.ids.ulid(),
        user_name: userName,
        role,
        password_hash: null,
        oidc_issuer: issuer,
        oidc_subject: claims.sub,
        disabled_at: null,
        created_at: this.clock.now(),
        last_login_at: null,
        groups: groupsColumn(groups),
      };
      if (await this.people.add(person)) return person;
      // Logged in twice at once: the other one made the user.
      const other = await this.people.findBySubject(issuer, claims.sub);
      if (other !== undefined) return other;
    }
    throw new SartorError("SRT_USER_EXISTS", `A user ${name} exists.`, { details: { userName: name } });
  }

  #requireProvider() {
    if (this.#provider !== undefined && this.settings.oidc !== undefined) {
      return { provider: this.#provider, settings: this.settings.oidc };
    }
    throw new SartorError("SRT_NOT_FOUND", "No identity provider is set up.");
  }

  /** What the provider or the library object to is for the log: it may hold codes and tokens, and helps nobody at the page. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const { code, error, message } = cause as { code?: unknown; error?: unknown; message?: unknown };
      this.#logger.warn(
        `A login at the identity provider failed: ${[message, code, error].filter((part) => part !== undefined).join(", ")}`,
      );
      throw new SartorError("SRT_OIDC_FAILED", "The login at the identity provider failed.", { cause });
    }
  }
}

function keyOf(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}
