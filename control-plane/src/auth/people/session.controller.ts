import { Body, Controller, Delete, Get, Header, HttpCode, Post, Req, Res } from "@nestjs/common";
import { ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type LoginOptions,
  type LoginReply,
  loginOptionsSchema,
  loginReplySchema,
  loginRequestSchema,
  type PasswordChange,
  passwordChangeSchema,
  type Who,
  whoSchema,
} from "@sartor/shared/protocol";
import type { FastifyReply } from "fastify";
import type { z } from "zod";
import { Clock, PublicAddresses } from "../../config/index.js";
import {
  type AuthenticatedRequest,
  addressOf,
  CurrentPerson,
  LeastRole,
  type Person,
  Public,
} from "../../http/index.js";
import { Credentials } from "./credentials.service.js";
import { OidcLogins } from "./oidc-logins.service.js";
import { PeopleRepository } from "./people.repository.js";
import { sessionCookieName, setCookie } from "./session-cookie.js";
import { Sessions } from "./sessions.service.js";
import { Users } from "./users.service.js";

/** Log in, log out, and who one is. */
@ApiTags("people")
@Controller("api/v1/session")
export class SessionController {
  constructor(
    private readonly sessions: Sessions,
    private readonly credentials: Credentials,
    private readonly users: Users,
    private readonly people: PeopleRepository,
    private readonly oidc: OidcLogins,
    private readonly addresses: PublicAddresses,
    private readonly clock: Clock,
  ) {}

  @Public()
  @Get("options")
  @Header("cache-control", "no-store")
  @ApiOperation({ summary: "How one can log in here, and who the page's cookie stands for" })
  @ApiOkResponse({ standardSchema: loginOptionsSchema })
  async options(@Req() request: AuthenticatedRequest): Promise<LoginOptions> {
    const secret = this.credentials.cookieSecret(request.headers.cookie);
    const person =
      secret === undefined ? undefined : await this.sessions.identify(secret, "cookie").catch(() => undefined);
    return {
      password: await this.people.anyPassword(),
      oidc: this.oidc.offered,
      operatorToken: await this.users.operatorTokenEnabled(),
      who: person === undefined ? null : this.credentials.who(person, secret),
    };
  }

  @Public()
  @Post()
  @HttpCode(200)
  @Header("cache-control", "no-store")
  @ApiOperation({ summary: "Log in with a password: pages get a cookie, programs a token" })
  @ApiOkResponse({ standardSchema: loginReplySchema })
  async logIn(
    @Body({ schema: loginRequestSchema }) body: z.output<typeof loginRequestSchema>,
    @Req() request: AuthenticatedRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LoginReply> {
    const { secret, person } = await this.sessions.logIn(body, addressOf(request), (userName) => {
      request.auditTarget = { userName };
    });
    request.person = person;
    if (body.kind === "bearer") return { who: this.credentials.who(person), token: secret };
    const httpUrl = this.addresses.httpUrl();
    const maximumAge = ((person.expiresAt ?? 0) - this.clock.now()) / 1_000;
    const cookie = setCookie(sessionCookieName(httpUrl), secret, { httpUrl, sameSite: "Strict", maximumAge });
    reply.header("set-cookie", cookie);
    return { who: this.credentials.who(person, secret), token: null };
  }

  @LeastRole("viewer", "shared")
  @Get()
  @Header("cache-control", "no-store")
  @ApiOperation({ summary: "Who the request's credential stands for" })
  @ApiOkResponse({ standardSchema: whoSchema })
  who(@CurrentPerson() person: Person, @Req() request: AuthenticatedRequest): Who {
    const byCookie = request.headers.authorization === undefined;
    return this.credentials.who(person, byCookie ? this.credentials.cookieSecret(request.headers.cookie) : undefined);
  }

  @LeastRole("viewer", "shared")
  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: "Log out: the session ends at once, with its live connections" })
  async logOut(@CurrentPerson() person: Person, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    // Tokens that are no session end by being revoked.
    if (person.kind === "user") await this.sessions.logOut(person);
    const httpUrl = this.addresses.httpUrl();
    reply.header(
      "set-cookie",
      setCookie(sessionCookieName(httpUrl), "", { httpUrl, sameSite: "Strict", maximumAge: 0 }),
    );
  }

  @LeastRole("viewer", "shared")
  @Post("password")
  @HttpCode(204)
  @ApiOperation({ summary: "Change the own password; all other sessions of the user end" })
  async changePassword(
    @Body({ schema: passwordChangeSchema }) { current, next }: PasswordChange,
    @CurrentPerson() person: Person,
  ): Promise<void> {
    await this.sessions.changePassword(person, current, next);
  }
}
