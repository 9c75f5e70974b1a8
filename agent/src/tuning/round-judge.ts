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

/** A clock below this share of the fastest seen counts as dropped. */
const CLOCK_SHARE = 0.9;
/** A block this much slower than usual confirms that the clock dropped. */
const SLOWER = 1.05;
/** Others may take this share of the device more than they usually do. */
const OTHERS_SHARE = 0.2;
/** The kernel counts CPU time in ticks of 10 ms; a difference of two counters is off by up to one tick each. */
const TICKS_MS = 20;
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
  #fastestMhz = 0;

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
   * A governor lowers the clock of a core as soon as it idles, so a low reading alone says little: a block must have been slower too, where
   * it is known how fast it usually is.
   */
  #clockDropped(round: RoundObservation): boolean {
    const { conditions } = round;
    const clocks = conditions.slice(1).flatMap(({ cpuFrequencyMhz }) => cpuFrequencyMhz ?? []);
    const fastest = Math.max(this.#fastestMhz, ...clocks);
    if (clocks.every((clock) => clock >= CLOCK_SHARE * fastest)) return false;
    return blocksOf(round).some(({ key, medianMs }) => {
      const recent = this.#recent.get(key) ?? [];
      return recent.length < LEAST_HISTORY || medianMs > SLOWER * median(recent);
    });
  }

  #learn(round: RoundObservation): void {
    for (const { cpuFrequencyMhz } of round.conditions)
      this.#fastestMhz = Math.max(this.#fastestMhz, cpuFrequencyMhz ?? 0);
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

function append(values: number[], value: number): void {
  values.push(value);
  if (values.length > WINDOW) values.shift();
}

/** How many throttle events were counted during the round; 0 where the device does not count. */
function throttleRise(conditions: readonly Conditions[]): number {
  const counts = conditions.flatMap(({ throttleEvents }) => throttleEvents ?? []);
  return (counts.at(-1) ?? 0) - (counts[0] ?? 0);
}

/** Least share of the device's CPU that others, the serving model among them, took during the round; undefined where nobody counts. */
function othersShare({ conditions, wallMs, cores }: RoundObservation): number | undefined {
  const first = conditions[0];
  const last = conditions.at(-1);
  if (first?.busyMs == null || last?.busyMs == null || first.ownMs == null || last.ownMs == null) return undefined;
  const others = last.busyMs - first.busyMs - (last.ownMs - first.ownMs) - TICKS_MS;
  return Math.max(0, others) / Math.max(1, cores * wallMs);
}
