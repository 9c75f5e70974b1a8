import { Injectable } from "@nestjs/common";
import { Clock, Settings } from "../../config/index.js";
import { RateLimiter, rateLimited } from "../../http/index.js";

/** How often an address may try to log in, and how often anybody may try one user's password. */
@Injectable()
export class LoginLimits {
  readonly #byAddress: RateLimiter;
  readonly #byUser: RateLimiter;

  constructor(
    private readonly clock: Clock,
    settings: Settings,
  ) {
    const limit = { burst: settings.loginsPerMinute, perMinute: settings.loginsPerMinute };
    this.#byAddress = new RateLimiter(limit);
    this.#byUser = new RateLimiter(limit);
  }

  /** @throws SartorError SRT_RATE_LIMITED */
  takeAddress(address: string): void {
    refuse(this.#byAddress.take(address, this.clock.now()), "Too many login attempts from this address");
  }

  /**
   * The same for a name, whether there is such a user or not.
   *
   * @throws SartorError SRT_RATE_LIMITED
   */
  takeUser(userName: string): void {
    refuse(this.#byUser.take(userName, this.clock.now()), "Too many login attempts for this user");
  }
}

function refuse(waitMs: number, what: string): void {
  if (waitMs > 0) throw rateLimited(what, waitMs);
}
