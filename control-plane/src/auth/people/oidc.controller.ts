import { Controller, Get, Req, Res } from "@nestjs/common";
import { ApiOperation, ApiTags } from "@nestjs/swagger";
import { SartorError } from "@sartor/shared/errors";
import type { FastifyReply } from "fastify";
import { Clock, PublicAddresses } from "../../config/index.js";
import { EventBus } from "../../events/index.js";
import { type AuthenticatedRequest, addressOf, Public } from "../../http/index.js";
import { LoginLimits } from "./login-limits.js";
import { LOGIN_WITHIN_MS, OidcLogins } from "./oidc-logins.service.js";
import { cookieOf, oidcCookieName, sessionCookieName, setCookie } from "./session-cookie.js";

/** The way to the identity provider and back: for browsers, so failures lead to the login page. */
@ApiTags("people")
@Controller("api/v1/oidc")
export class OidcController {
  constructor(
    private readonly logins: OidcLogins,
    private readonly limits: LoginLimits,
    private readonly addresses: PublicAddresses,
    private readonly events: EventBus,
    private readonly clock: Clock,
  ) {}

  @Public()
  @Get("login")
  @ApiOperation({ summary: "Begin a login at the identity provider" })
  async logIn(@Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.toPage(reply, async () => {
      this.limits.takeAddress(addressOf(request));
      const httpUrl = this.addresses.httpUrl();
      const { secret, url } = await this.logins.begin();
      const options = { httpUrl, sameSite: "Lax", maximumAge: LOGIN_WITHIN_MS / 1_000 } as const;
      reply.header("set-cookie", setCookie(oidcCookieName(httpUrl), secret, options));
      return url.href;
    });
  }

  @Public()
  @Get("callback")
  @ApiOperation({ summary: "Where the identity provider sends people back to" })
  async callback(@Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.toPage(reply, async () => {
      const address = addressOf(request);
      const httpUrl = this.addresses.httpUrl();
      const secret = cookieOf(request.headers.cookie, oidcCookieName(httpUrl));
      const query = request.url.includes("?") ? request.url.slice(request.url.indexOf("?")) : "";
      const session = await this.logins.end(secret, query, address);
      const maximumAge = ((session.person.expiresAt ?? 0) - this.clock.now()) / 1_000;
      reply.header("set-cookie", [
        setCookie(oidcCookieName(httpUrl), "", { httpUrl, sameSite: "Lax", maximumAge: 0 }),
        setCookie(sessionCookieName(httpUrl), session.secret, { httpUrl, sameSite: "Strict", maximumAge }),
      ]);
      const { name, role } = session.person;
      this.events.emit("person.logged_in", { name, role, address, correlationId: request.id });
      return "/";
    });
  }

  /** Sends the browser on. The login page says what a code means. */
  private async toPage(reply: FastifyReply, work: () => Promise<string>): Promise<void> {
    let target: string;
    try {
      target = await work();
    } catch (thrown) {
      if (!(thrown instanceof SartorError)) throw thrown;
      target = `/?login_error=${encodeURIComponent(thrown.code)}`;
    }
    await reply.header("cache-control", "no-store").redirect(target, 302);
  }
}
