import type { Conditions } from "./ports.js";
import { median, robustDeviation } from "./statistics.js";

/** Why a round does not count. */
export type RoundFlaw = "clock_dropped" | "throttled" | "others_took_cpu" | "outlier";

/** One round, as it was. */
export interface RoundObservation {
  /** Read before the first block and after each. */
  readonly conditions: readonly Conditions[];
  readonly wallMs: number;
  readonly cores: number;
  /** Median time of each block, ms, by whose it was, in the order in which they ran. */
  readonly medians: ReadonlyMap<string, number>;
  readonly baselineId: string;
}

/** A clock below this share of the fastest seen after a block of the same model counts as dropped. */
const CLOCK_SHARE = 0.9;
/** A block this much slower than usual confirms that the clock dropped. */
const SLOWER = 1.05;
/** Others may take this share of the device more than they usually do. */
const OTHERS_SHARE = 0.2;
/** The kernel counts CPU time in ticks of 10 ms; a difference of two counters is off by up to one tick each. */
const TICKS_MS = 20;
/** CPU time in which the others' share is to be told; below it ticks are most of what is seen. */
const LEAST_CPU_MS = (2 * TICKS_MS) / OTHERS_SHARE;
/** What is usual is learnt from so many rounds, and said from so many on. */
const WINDOW = 15;
const LEAST_HISTORY = 4;
/** Robust deviations that are wild, and the least part of the median that is. */
const WILD_DEVIATIONS = 6;
const WILD_SHARE = 0.15;

/**
 * Tells rounds that count from rounds in which the device was not itself. What is usual is learnt from all recent rounds, those that did
 * not count too: a disturbance that stays is the device's normal state, and measuring goes on in it.
 */
export class RoundJudge {
  readonly #recent = new Map<string, number[]>();
  readonly #others: number[] = [];
  /** By whose block it was: more threads run at a lower clock than one, on processors that lend it. */
  readonly #fastestMhz = new Map<string, number>();

  /** @returns undefined when the round counts */
  judge(round: RoundObservation): RoundFlaw | undefined {
    const flaw = this.#flawOf(round);
    this.#learn(round);
    return flaw;
  }

  #flawOf(round: RoundObservation): RoundFlaw | undefined {
    if (throttleRise(round.conditions) > 0) return "throttled";
    if (this.#clockDropped(round)) return "clock_dropped";
    const others = othersShare(round);
    const usual = this.#others.length < LEAST_HISTORY ? OTHERS_SHARE : median(this.#others);
    if (others !== undefined && others > usual + OTHERS_SHARE) return "others_took_cpu";
    const block = blocksOf(round).find(({ id }) => id === round.baselineId);
    const recent = this.#recent.get(block?.key ?? "") ?? [];
    if (block === undefined || recent.length < LEAST_HISTORY) return undefined;
    const middle = median(recent);
    const wild = Math.max(WILD_DEVIATIONS * robustDeviation(recent), WILD_SHARE * middle);
    return Math.abs(block.medianMs - middle) > wild ? "outlier" : undefined;
  }

  /**
   * A governor lowers the clock of a core as soon as it idles, so a low reading alone says little: a block must have been slower than it is
   * known to be, too. Of a new candidate nothing is known; what serves, in the same round, is slowed down by the same clock.
   */
  #clockDropped(round: RoundObservation): boolean {
    if (clocksOf(round).every(([id, clock]) => clock >= CLOCK_SHARE * (this.#fastestMhz.get(id) ?? 0))) return false;
    return blocksOf(round).some(({ key, medianMs }) => {
      const recent = this.#recent.get(key) ?? [];
      return recent.length >= LEAST_HISTORY && medianMs > SLOWER * median(recent);
    });
  }

  #learn(round: RoundObservation): void {
    for (const [id, clock] of clocksOf(round)) this.#fastestMhz.set(id, Math.max(this.#fastestMhz.get(id) ?? 0, clock));
    for (const { key, medianMs } of blocksOf(round)) {
      const recent = this.#recent.get(key) ?? [];
      this.#recent.set(key, recent);
      append(recent, medianMs);
    }
    const others = othersShare(round);
    if (others !== undefined) append(this.#others, others);
  }
}

/** Whoever runs first after a pause may be slower: what is usual is known for each place in a round. */
function blocksOf({ medians }: RoundObservation) {
  return [...medians].map(([id, medianMs], place) => ({ id, medianMs, key: `${place} ${id}` }));
}

/** The clock after each block, by whose it was; nothing where the device does not tell. */
function clocksOf({ conditions, medians }: RoundObservation): [string, number][] {
  return [...medians.keys()].flatMap((id, place): [string, number][] => {
    const clock = conditions[place + 1]?.cpuFrequencyMhz;
    return clock == null ? [] : [[id, clock]];
  });
}

function append(values: number[], value: number): void {
  values.push(value);
  if (values.length > WINDOW) values.shift();
}

/** How many throttle events were counted during the round; 0 where the device does not count. */
function throttleRise(conditions: readonly Conditions[]): number {
  const counts = conditions.flatMap(({ throttleEvents }) => throttleEvents ?? []);
  return (counts.at(-1) ?? 0) - (counts[0] ?? 0);
}

/**
 * Least share of the device's CPU that others, the serving model among them, took during the round; undefined where nobody counts or the
 * round was too short to tell.
 */
function othersShare({ conditions, wallMs, cores }: RoundObservation): number | undefined {
  const first = conditions[0];
  const last = conditions.at(-1);
  if (cores * wallMs < LEAST_CPU_MS) return undefined;
  if (first?.busyMs == null || last?.busyMs == null || first.ownMs == null || last.ownMs == null) return undefined;
  const others = last.busyMs - first.busyMs - (last.ownMs - first.ownMs) - TICKS_MS;
  return Math.max(0, others) / (cores * wallMs);
}
