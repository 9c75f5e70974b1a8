import { describe, expect, it } from "vitest";
import type { Conditions } from "./ports.js";
import { RoundJudge, type RoundObservation } from "./round-judge.js";

interface Round {
  /** MHz; the other's own where it differs. */
  readonly clock?: number;
  readonly otherClock?: number;
  readonly throttleRise?: number;
  /** CPU time of others, ms. */
  readonly others?: number;
  readonly baselineMs?: number;
  readonly otherMs?: number;
  /** Who is compared with what serves. */
  readonly other?: string;
  readonly silent?: boolean;
  readonly wallMs?: number;
}

function observe({
  clock = 2_000,
  otherClock = clock,
  throttleRise = 0,
  others = 0,
  baselineMs = 10,
  otherMs = 5,
  other = "other",
  silent,
  wallMs = 1_000,
}: Round): RoundObservation {
  const at = (share: number): Conditions => ({
    // Read before, after what serves and after the other.
    cpuFrequencyMhz: silent ? null : share === 1 ? otherClock : clock,
    temperatureCelsius: null,
    throttleEvents: silent ? null : 7 + share * throttleRise,
    powerMilliwatts: null,
    busyMs: silent ? null : 5_000 + share * (wallMs + others),
    ownMs: silent ? null : 1_000 + share * wallMs,
  });
  const medians = new Map([
    ["now", baselineMs],
    [other, otherMs],
  ]);
  return { conditions: [at(0), at(0.5), at(1)], wallMs, cores: 4, medians, baselineId: "now" };
}

function judgeWith(history: readonly Round[]) {
  const judge = new RoundJudge();
  for (const round of history) judge.judge(observe(round));
  return (round: Round) => judge.judge(observe(round));
}

const calm = Array.from({ length: 8 }, (_, round) => ({ baselineMs: 10 + 0.02 * (round % 3) }));

describe("a round does not count", () => {
  it("when the device counted a throttle event in it", () => {
    expect(judgeWith([])({ throttleRise: 1 })).toBe("throttled");
  });

  it("when the clock dropped below nine tenths and the runs took longer for it", () => {
    expect(judgeWith(calm)({ clock: 1_700, otherMs: 5.9 })).toBe("clock_dropped");
    expect(judgeWith(calm)({ clock: 1_850, otherMs: 5.9 })).toBeUndefined();
    // Of a new candidate nothing is known: then what serves tells.
    expect(judgeWith(calm)({ clock: 1_700, baselineMs: 11, other: "new" })).toBe("clock_dropped");
  });

  it("when others took more of the CPU than they usually do", () => {
    expect(judgeWith(calm)({ others: 1_200 })).toBe("others_took_cpu");
  });

  it("when what serves took wildly longer than it does", () => {
    expect(judgeWith(calm)({ baselineMs: 14 })).toBe("outlier");
  });
});

describe("a round counts", () => {
  it("when an idle core reads as slow and nothing took longer", () => {
    expect(judgeWith(calm)({ clock: 600 })).toBeUndefined();
  });

  it("when an idle core reads as slow before anything is known of a model's usual time", () => {
    const judge = judgeWith([]);
    const flaws = Array.from({ length: 16 }, (_, round) => judge({ clock: round % 2 === 0 ? 3_000 : 1_200 }));
    expect(flaws).toEqual(Array(16).fill(undefined));
  });

  it("when a candidate on all cores runs at a lower clock than what serves on one, as processors that lend clock have it", () => {
    const judge = judgeWith([]);
    const flaws = Array.from({ length: 8 }, () => judge({ clock: 4_500, otherClock: 3_600 }));
    expect(flaws).toEqual(Array(8).fill(undefined));
    expect(judge({ clock: 4_500, otherClock: 3_000, otherMs: 6 })).toBe("clock_dropped");
  });

  it("when the serving model takes as much as it always does", () => {
    const busy = calm.map((round) => ({ ...round, others: 1_500 }));
    expect(judgeWith(busy)({ others: 1_500 })).toBeUndefined();
  });

  it("again once the device stays slow: that is what it is now", () => {
    const judge = judgeWith(calm);
    const flaws = Array.from({ length: 20 }, () => judge({ baselineMs: 20, otherMs: 10, clock: 1_000 }));
    expect(flaws[0]).toBe("clock_dropped");
    expect(flaws.at(-1)).toBeUndefined();
  });

  it("when it was too short for the kernel's clock ticks to tell who took the CPU", () => {
    const short = calm.map((round) => ({ ...round, wallMs: 25 }));
    expect(judgeWith(short)({ wallMs: 25, others: 50 })).toBeUndefined();
    expect(judgeWith(calm)({ wallMs: 100, others: 120 })).toBe("others_took_cpu");
  });

  it("on a device that counts nothing", () => {
    expect(judgeWith(calm.map((round) => ({ ...round, silent: true })))({ silent: true })).toBeUndefined();
  });
});
