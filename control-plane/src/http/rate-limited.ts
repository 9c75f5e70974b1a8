import { SartorError } from "@sartor/shared/errors";

/** The error SRT_RATE_LIMITED, which names when to try again. */
export function rateLimited(what: string, waitMs: number): SartorError {
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  return new SartorError("SRT_RATE_LIMITED", `${what}; try again in ${retryAfterSeconds} s.`, {
    details: { retryAfterSeconds },
  });
}
