const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * How long to wait before the next attempt, ms: doubles from 0.5 s to 30 s, with full jitter in its upper half so that
 * many pages do not come back at the same moment ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param attempt 0 for the first attempt after a loss
 * @param random a number from 0 to 1
 */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
