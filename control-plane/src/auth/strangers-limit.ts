import { Injectable } from "@nestjs/common";
import { Clock, Settings } from "../config/index.js";
import { RateLimiter, rateLimited } from "../http/index.js";

/** How often an address may try what needs no certificate: enrolment, late renewal. */
@Injectable()
export class StrangersLimit {
  readonly #limiter: RateLimiter;

  constructor(
    private readonly clock: Clock,
    settings: Settings,
  ) {
    this.#limiter = new RateLimiter({ burst: settings.enrolmentsPerMinute, perMinute: settings.enrolmentsPerMinute });
  }

  /** @throws SartorError SRT_RATE_LIMITED */
  take(address: string): void {
    const wait = this.#limiter.take(address, this.clock.now());
    if (wait > 0) throw rateLimited("Too many attempts from this address", wait);
  }
}
