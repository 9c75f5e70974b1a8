import { describe, expect, it } from "vitest";
import type { Conditions } from "./ports.js";
import { RoundJudge, type RoundObservation } from "./round-judge.js";

interface Round {
  readonly clock?: number;
  readonly throttleRise?: number;
  /** CPU time of others, ms. */
  readonly others?: number;
  readonly baselineMs?: number;
  readonly otherMs?: number;
  readonly silent?: boolean;
}

const WALL_MS = 1_000;

function observe({
  clock = 2_000,
  throttleRise = 0,
  others = 0,
  baselineMs = 10,
  otherMs = 5,
  silent,
}: Round): RoundObservation {
  const at = (share: number): Conditions => ({
    cpuFrequencyMhz: silent ? null : clock,
    temperatureCelsius: null,
    throttleEvents: silent ? null : 7 + share * throttleRise,
    powerMilliwatts: null,
    busyMs: silent ? null : 5_000 + share * (WALL_MS + others),
    ownMs: silent ? null : 1_000 + share * WALL_MS,
  });
  const medians = new Map([
    ["now", baselineMs],
    ["other", otherMs],
  ]);
  return { conditions: [at(0), at(0.5), at(1)], wallMs: WALL_MS, cores: 4, medians, baselineId: "now" };
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

  it("on a device that counts nothing", () => {
    expect(judgeWith(calm.map((round) => ({ ...round, silent: true })))({ silent: true })).toBeUndefined();
  });
});
