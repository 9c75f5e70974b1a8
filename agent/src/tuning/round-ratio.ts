/** A median below this, ms, is no time: the clock ticked too coarsely to see the runs. */
const SHORTEST_MS = 0.001;
/** Nor does any run take longer than this, ms, that came to its end. */
const LONGEST_MS = 3_600_000;

/**
 * A candidate's time by the baseline's in one round. Always above 0 and finite: where a clock saw no time pass, the least that counts stands
 * for it, so that two models too fast for the clock are equals, and no such round can make a report or a verdict a number that is none.
 */
export function ratioOf(medianMs: number, baselineMs: number): number {
  return within(medianMs) / within(baselineMs);
}

const within = (ms: number) => Math.min(LONGEST_MS, Math.max(SHORTEST_MS, ms));
