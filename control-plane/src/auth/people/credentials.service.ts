import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { Who } from "@sartor/shared/protocol";
import { PublicAddresses } from "../../config/index.js";
import type { Person } from "../../http/index.js";
import { OperatorToken } from "../operator-token.js";
import { API_TOKEN_PREFIX, ApiTokens } from "./api-tokens.service.js";
import { cookieOf, sessionCookieName } from "./session-cookie.js";
import { csrfFits, csrfOf, SESSION_PREFIX, Sessions } from "./sessions.service.js";
import { OPERATOR_TOKEN_ID, Users } from "./users.service.js";

/** What of a request says who is behind it. */
export interface RequestCredentials {
  readonly method: string;
  readonly headers: {
    readonly authorization?: string | undefined;
    readonly cookie?: string | undefined;
    readonly origin?: string | undefined;
    readonly host?: string | undefined;
    readonly [name: string]: string | string[] | undefined;
  };
}

/** The page's proof that it is ours and not another site's; see {@link csrfOf}. */
export const CSRF_HEADER = "x-sartor-csrf";
const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Knows the person or the program behind a credential of any kind. */
@Injectable()
export class Credentials {
  constructor(
    private readonly operator: OperatorToken,
    private readonly sessions: Sessions,
    private readonly tokens: ApiTokens,
    private readonly users: Users,
    private readonly addresses: PublicAddresses,
  ) {}

  /**
   * Who is behind a request: by its bearer token, or else by a page's cookie.
   *
   * @throws SartorError SRT_UNAUTHENTICATED, SRT_SESSION_EXPIRED; SRT_FORBIDDEN when another site's page may have sent it
   */
  async identify(request: RequestCredentials): Promise<Person> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const token = /^Bearer ([^\s]{1,512})$/i.exec(authorization)?.[1];
      if (token !== undefined) return this.identifyToken(token);
      throw new SartorError("SRT_UNAUTHENTICATED", "Send the header Authorization: Bearer <token>.");
    }
    const secret = this.cookieSecret(request.headers.cookie);
    if (secret === undefined) {
      throw new SartorError("SRT_UNAUTHENTICATED", "Send the header Authorization: Bearer <token>, or log in.");
    }
    if (!READS.has(request.method)) this.#requireOwnPage(request, secret);
    return this.sessions.identify(secret, "cookie");
  }

  /**
   * Who is behind a bearer token: the operator token, a session of the command line, or an API token.
   *
   * @throws SartorError SRT_UNAUTHENTICATED, SRT_SESSION_EXPIRED
   */
  async identifyToken(token: string): Promise<Person> {
    if (token.startsWith(SESSION_PREFIX)) return this.sessions.identify(token, "bearer");
    if (token.startsWith(API_TOKEN_PREFIX)) return this.tokens.identify(token);
    if (!this.operator.matches(token)) {
      throw new SartorError("SRT_UNAUTHENTICATED", "The token is not the operator's token.");
    }
    if (!(await this.users.operatorTokenEnabled())) {
      throw new SartorError("SRT_UNAUTHENTICATED", "The operator token was disabled: log in.");
    }
    return OPERATOR;
  }

  /**
   * Who opens a live channel with a cookie; `csrf` proves that the page is ours.
   *
   * @throws SartorError SRT_UNAUTHENTICATED, SRT_SESSION_EXPIRED, SRT_FORBIDDEN
   */
  async identifyPage(cookie: string | undefined, csrf: string): Promise<Person> {
    const secret = this.cookieSecret(cookie);
    if (secret === undefined) throw new SartorError("SRT_UNAUTHENTICATED", "Log in.");
    if (!csrfFits(secret, csrf)) throw otherSite();
    return this.sessions.identify(secret, "cookie");
  }

  /** Who is behind a credential now, without its counting as a use of it; undefined where it does not hold any more. */
  async current(person: Person): Promise<Person | undefined> {
    if (person.kind === "operator_token") return (await this.users.operatorTokenEnabled()) ? person : undefined;
    if (person.kind === "api_token") return this.tokens.find(person.credentialId);
    return this.sessions.find(person.credentialId);
  }

  /** The session's secret in a request's cookies. */
  cookieSecret(cookie: string | undefined): string | undefined {
    const value = cookieOf(cookie, sessionCookieName(this.addresses.httpUrl()));
    return value !== undefined && /^srt_session_[A-Za-z0-9_-]{43}$/.test(value) ? value : undefined;
  }

  /** A person as they are told about themselves. */
  who(person: Person, cookieSecret?: string): Who {
    const { kind, name, role, scopes, groups, expiresAt } = person;
    const csrf = cookieSecret === undefined ? null : csrfOf(cookieSecret);
    return { kind, name, role, scopes: copyOf(scopes), groups: copyOf(groups), expiresAt, csrf };
  }

  /**
   * A browser sends the cookie along with whatever the pages of this site ask for, and the pages of any other port of this host are of
   * this site. Only ours can read the value that the header needs, and only ours may send such a header.
   */
  #requireOwnPage({ headers }: RequestCredentials, secret: string): void {
    const { origin, host } = headers;
    const csrf = headers[CSRF_HEADER];
    if (typeof csrf !== "string" || !csrfFits(secret, csrf)) throw otherSite();
    if (origin === undefined) return;
    const originHost = URL.canParse(origin) ? new URL(origin).host : undefined;
    if (originHost !== host && originHost !== new URL(this.addresses.httpUrl()).host) throw otherSite();
  }
}

function copyOf<T>(list: readonly T[] | null): T[] | null {
  return list === null ? null : [...list];
}

const OPERATOR: Person = {
  kind: "operator_token",
  id: "",
  name: "operator token",
  role: "admin",
  scopes: null,
  groups: null,
  personId: null,
  credentialId: OPERATOR_TOKEN_ID,
  expiresAt: null,
};

function otherSite(): SartorError {
  return new SartorError(
    "SRT_FORBIDDEN",
    `What changes something needs the header ${CSRF_HEADER} beside the cookie: load the page anew, or use a token.`,
  );
}
