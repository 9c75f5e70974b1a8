/** How the wait between attempts grows. */
export interface BackoffPolicy {
  /** Upper bound of the first wait, ms. */
  readonly baseMs: number;
  /** Upper bound of any wait, ms. */
  readonly capMs: number;
}

/** The broker is away: it may be back in a second. */
export const LOST_BACKOFF: BackoffPolicy = { baseMs: 1_000, capMs: 30_000 };

/** The broker refused the credential: only a person can change that. */
export const REFUSED_BACKOFF: BackoffPolicy = { baseMs: 30_000, capMs: 600_000 };

/** Never shorter than this, ms: an unlucky draw must not make a hot loop. */
const SHORTEST_WAIT_MS = 100;

/**
 * How long to wait before attempt `failures + 1`: exponential with full jitter, so that ten thousand devices which lost the
 * broker in the same instant come back spread out.
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015 ("full jitter").
 *
 * @param failures attempts that failed in a row, 1 or more
 * @param random uniform in [0, 1)
 * @returns ms
 */
export function planBackoff(policy: BackoffPolicy, failures: number, random: () => number): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const bound = Math.min(policy.capMs, policy.baseMs * 2 ** exponent);
  return Math.max(SHORTEST_WAIT_MS, Math.round(random() * bound));
}
