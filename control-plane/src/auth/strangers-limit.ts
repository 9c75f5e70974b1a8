import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { Clock, Settings } from "../config/index.js";
import { RateLimiter } from "../http/index.js";

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

/** The error that names when to try again. */
export function rateLimited(what: string, waitMs: number): SartorError {
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  return new SartorError("SRT_RATE_LIMITED", `${what}; try again in ${retryAfterSeconds} s.`, {
    details: { retryAfterSeconds },
  });
}
