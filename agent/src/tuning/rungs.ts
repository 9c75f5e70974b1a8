import type { Interval } from "./bootstrap.js";

/**
 * Timed runs of a candidate after each rung. 64 are the least that support a 90th percentile (MLPerf Inference, early stopping); 200 make a
 * measurement count in full for plans; what 400 do not tell apart differs by less than what is promised.
 */
export const RUNGS = [64, 200, 400] as const;
/** Timed runs that a candidate has before a rung and after it, 0 for the first. */
export function rungOf(rung: number): { readonly from: number; readonly until: number } {
  const from = RUNGS[rung - 1] ?? 0;
  return { from, until: RUNGS[rung] ?? from };
}
/** Below this many timed runs nothing is decided. */
export const LEAST_RUNS = RUNGS[0];
/** One in so many candidates goes on to the next rung. */
const ETA = 3;
/** A candidate that takes this much longer than the best, or less, is as good as the best. */
export const INDIFFERENCE = 0.05;

/** Whether a switch is worth it is plain when it would be with a least gain that is this much higher or lower. */
const MARGIN = 0.01;

/** Timed runs of one block. Few, so that both blocks of a round see the same device, and a rung has enough rounds to resample. */
const BLOCK_RUNS = 8;
const SLOW_BLOCK_RUNS = 4;
/** A block that would take longer than this, ms, is cut. */
const LONGEST_BLOCK_MS = 4_000;
/** Untimed runs before each block: caches and clock belong to whoever ran before. */
export const WARM_UPS = 2;

/**
 * Candidates take so many turns within each rung, where loading is cheap. What else the device does slows several threads more than one, and
 * comparing with the incumbent does not cancel that: so it has to hit all of them.
 */
export const TURNS = [2, 4, 4] as const;
/** Loading again for another turn takes at most this part of a candidate's CPU time in a rung, unless a load is over at once. */
const RELOAD_SHARE = 0.25;
/** A load that is over in this time, ms, the pauses for the CPU share included, is cheap, however short the runs are. */
const CHEAP_LOAD_MS = 2_000;

/**
 * In how many turns a candidate climbs a rung. Each turn loads it anew; one load is needed anyway, so turns beyond the first are what is
 * chosen: as many as keep (turns - 1) x load within a quarter of turns x load + runs, 1 at least; all of them where a load takes no time to
 * speak of.
 *
 * @param rung 0 for the first
 * @param loadMs CPU time of one load, ms; undefined before the first
 * @param runsMs CPU time of all the rung's rounds with it, ms; undefined before the first
 * @param cpus how many CPUs the tuning may keep busy: its share of them times their number
 */
export function planTurns(rung: number, loadMs: number | undefined, runsMs: number | undefined, cpus: number): number {
  const most = TURNS[rung] ?? 1;
  if (loadMs === undefined || runsMs === undefined || loadMs <= CHEAP_LOAD_MS * cpus) return most;
  const affordable = Math.floor((loadMs + RELOAD_SHARE * runsMs) / ((1 - RELOAD_SHARE) * loadMs));
  return Math.min(most, Math.max(1, affordable));
}

/** Timed runs that a candidate has after a turn of a rung, 0 for the first. In the last turn it comes to the rung's end. */
export function planTurnEnd(rung: number, turn: number, turns: number): number {
  const { from, until } = rungOf(rung);
  return turn + 1 >= turns ? until : from + ((until - from) * (turn + 1)) / turns;
}

/** How many runs the next block times, by what one run took so far (ms; undefined before the first). */
export function planBlock(runMs: number | undefined): number {
  return runMs !== undefined && runMs * BLOCK_RUNS > LONGEST_BLOCK_MS ? SLOW_BLOCK_RUNS : BLOCK_RUNS;
}

/** A candidate after a rung: its time by the baseline's. */
export interface Standing {
  readonly id: string;
  readonly ratio: Interval;
}

/**
 * Who is measured further after a rung: the fastest third, as successive halving with eta 3 has it, less those that are surely slower than
 * the fastest. After the first rung, whose intervals are wide, at most as many again go on: those that may still turn out to be faster
 * than the fastest by more than 5 %. What may at most be as fast is dropped: a choice within 5 % of the best is what is promised, and
 * telling equals apart is what costs runs.
 * Sources: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016; the
 * indifference zone is Bechhofer's, Annals of Mathematical Statistics 25 (1954).
 *
 * @param rung 0 for the first
 */
export function planSurvivors(standings: readonly Standing[], rung: number): ReadonlySet<string> {
  const ranked = [...standings].sort((a, b) => a.ratio.typical - b.ratio.typical);
  const best = ranked[0];
  if (best === undefined) return new Set();
  const share = Math.ceil(ranked.length / ETA);
  const kept = ranked.slice(0, share).filter(({ ratio }) => ratio.low <= best.ratio.high);
  const doubtful = ranked.slice(share).filter((standing) => mayBeat(standing, best));
  return new Set([...kept, ...doubtful.slice(0, rung === 0 ? share : 0)].map(({ id }) => id));
}

/** True when more runs would not change what is decided: the fastest is found, and whether it is worth a switch is plain. */
export function isSettled(
  standings: readonly Standing[],
  rules: { readonly minimumGain: number; readonly againstIncumbent: boolean },
  runs: number,
): boolean {
  const best = [...standings].sort((a, b) => a.ratio.typical - b.ratio.typical)[0];
  if (best === undefined) return true;
  const { minimumGain, againstIncumbent } = rules;
  const worthless = standings.every(({ ratio }) => ratio.low > ratioFor(Math.min(minimumGain, INDIFFERENCE)));
  if (againstIncumbent && worthless) return true;
  // What is going to run is measured to the second rung at least: plans count a measurement of fewer runs for less.
  if (runs < RUNGS[1]) return false;
  if (standings.some((standing) => standing !== best && mayBeat(standing, best))) return false;
  const plain = best.ratio.high < ratioFor(minimumGain - MARGIN) || best.ratio.low > ratioFor(minimumGain + MARGIN);
  return !againstIncumbent || plain;
}

/** Could it be faster than the best by more than what counts as equal? */
function mayBeat(standing: Standing, best: Standing): boolean {
  return standing.ratio.low < best.ratio.typical * ratioFor(INDIFFERENCE);
}

/** What part of another's time leaves this gain: with 0.05, a candidate that is 5 % faster. */
export const ratioFor = (gain: number): number => 1 / (1 + gain);
