/** How often a device looks for orders without being told that there are any, ms: nobody who silences the broker can keep it from them. */
export const REFRESH_PERIOD_MS = 15 * 60_000;
/** A hint that names nothing new is followed within this, ms, so that a fleet that hears the same does not come at once. */
export const HINT_SPREAD_MS = 20_000;
/** The line is back after a refresh that failed: it is tried again within this, ms. */
export const RECONNECT_SPREAD_MS = 2_000;

/** Shortest time between the end of a refresh and the next one, ms, and the longest that useless hints stretch it to. */
const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** First and longest wait after a failure, ms. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** Before the key ceremony: a person is at work on it. */
const LONGEST_RETRY_WITHOUT_ROOT_MS = 60_000;

/** Until the next look after a refresh that went well, ms: spread by a fifth to either side. @param random uniform in [0, 1) */
export function planPeriod(periodMs: number, random: () => number): number {
  return periodMs * (0.8 + 0.4 * random());
}

/** Until the next try after so many failures in a row, ms; never later than the next look is due anyway. @param random uniform in [0, 1) */
export function planRetry(failures: number, code: string, periodMs: number, random: () => number): number {
  const cap = Math.min(code === "SRT_TRUST_NO_ROOT" ? LONGEST_RETRY_WITHOUT_ROOT_MS : LONGEST_RETRY_MS, periodMs);
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  return Math.min(FIRST_RETRY_MS * 2 ** exponent, cap) * (0.5 + random() / 2);
}

/** Least time before the next refresh after so many in a row that hints asked for and that brought nothing, ms; whoever looks more often pauses less. */
export function planPause(useless: number, periodMs: number): number {
  return Math.min(Math.min(SHORTEST_PAUSE_MS, periodMs) * 2 ** Math.min(useless, 30), LONGEST_PAUSE_MS);
}
