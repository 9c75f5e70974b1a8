import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isSettled,
  planBlock,
  planSurvivors,
  planTurnEnd,
  planTurns,
  RUNGS,
  rungOf,
  type Standing,
  TURNS,
} from "./rungs.js";

const standing = (id: string, typical: number, halfWidth = 0.01): Standing => ({
  id,
  ratio: { low: typical - halfWidth, typical, high: typical + halfWidth },
});

describe("who is measured further", () => {
  it("is the fastest third where that is plain", () => {
    const six = ["a", "b", "c", "d", "e", "f"].map((id, position) => standing(id, 0.5 + 0.005 * position));
    expect([...planSurvivors(six, 0)]).toEqual(["a", "b"]);
  });

  it("drops even the second when it is surely slower", () => {
    const six = ["a", "b", "c", "d", "e", "f"].map((id, position) => standing(id, 0.5 + 0.1 * position));
    expect([...planSurvivors(six, 0)]).toEqual(["a"]);
  });

  it("gives who may still be faster by 5 % another chance after the first rung, and only then", () => {
    const doubtful = [standing("a", 0.5), standing("b", 0.52, 0.1), standing("c", 0.53, 0.1), standing("d", 0.9, 0.01)];
    expect(planSurvivors(doubtful, 0)).toEqual(new Set(["a", "b", "c"]));
    expect(planSurvivors(doubtful, 1)).toEqual(new Set(["a", "b"]));
  });

  it("always holds the fastest, and never more than two thirds", () => {
    const arbitrary = fc.array(
      fc.tuple(fc.double({ min: 0.1, max: 5, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(arbitrary, fc.nat(2), (values, rung) => {
        const standings = values.map(([typical, halfWidth], position) => standing(`${position}`, typical, halfWidth));
        const survivors = planSurvivors(standings, rung);
        const best = Math.min(...values.map(([typical]) => typical));
        expect(standings.some(({ id, ratio }) => ratio.typical === best && survivors.has(id))).toBe(true);
        expect(survivors.size).toBeLessThanOrEqual(2 * Math.ceil(standings.length / 3));
      }),
    );
  });
});

describe("when measuring ends early", () => {
  const rules = { minimumGain: 0.05, againstIncumbent: true };

  it("ends after 64 runs when nothing can be worth a switch", () => {
    expect(isSettled([standing("a", 1.2), standing("b", 0.99)], rules, 64)).toBe(true);
    expect(isSettled([standing("a", 1.2), standing("b", 0.96)], rules, 64)).toBe(false);
  });

  it("ends after 200 when the gain is plain and no other may beat the fastest by 5 %", () => {
    expect(isSettled([standing("a", 0.5)], rules, 64)).toBe(false);
    expect(isSettled([standing("a", 0.5), standing("b", 0.505)], rules, 200)).toBe(true);
    expect(isSettled([standing("a", 0.5), standing("b", 0.52, 0.1)], rules, 200)).toBe(false);
    expect(isSettled([standing("a", 0.95, 0.02)], rules, 200)).toBe(false);
    expect(isSettled([standing("a", 0.955, 0.005)], rules, 200)).toBe(true);
  });

  it("asks only for the fastest where nothing right serves", () => {
    const none = { ...rules, againstIncumbent: false };
    expect(isSettled([standing("a", 1.4)], none, 64)).toBe(false);
    expect(isSettled([standing("a", 1.4)], none, 200)).toBe(true);
  });
});

describe("turns within a rung", () => {
  const rungs = fc.nat(RUNGS.length - 1);
  /** A time of zero, or one that a clock can tell from it, ms: dividing smaller ones only measures a double's last bit. */
  const cost = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e7, noNaN: true }));

  it("are two in the first and four in the others where loading costs little, or is not known yet", () => {
    for (const [loadMs, runsMs] of [
      [undefined, undefined],
      [undefined, 500],
      [100, undefined],
      [0, 0],
      [100, 1_000],
    ] as const)
      expect([0, 1, 2].map((rung) => planTurns(rung, loadMs, runsMs, 0))).toEqual([2, 4, 4]);
  });

  it("are fewer the more a load costs against the rung's runs, down to one", () => {
    expect([0, 100, 300, 500, 800, 900].map((runsMs) => planTurns(1, 100, runsMs, 0.04))).toEqual([1, 1, 2, 3, 4, 4]);
    expect(planTurns(0, 100, 900, 0.04)).toBe(2);
  });

  it("are all taken where a load is over within two seconds at the CPU share", () => {
    expect(planTurns(1, 1_750, 0, 1)).toBe(4);
    expect(planTurns(1, 1_750, 0, 0.4)).toBe(1);
  });

  it("never make loading again more than a quarter of a rung's CPU time, and are as many as that allows", () => {
    fc.assert(
      fc.property(rungs, cost, cost, (rung, loadMs, runsMs) => {
        const turns = planTurns(rung, loadMs, runsMs, 0);
        const reloadShare = (count: number) => ((count - 1) * loadMs) / (count * loadMs + runsMs || 1);
        expect(Number.isInteger(turns) && turns >= 1 && turns <= (TURNS[rung] ?? 0)).toBe(true);
        expect(reloadShare(turns)).toBeLessThanOrEqual(0.25 + 1e-9);
        if (turns < (TURNS[rung] ?? 0)) expect(reloadShare(turns + 1)).toBeGreaterThan(0.25 - 1e-9);
      }),
    );
  });

  it("each bring a candidate further, and the last to the rung's end, also when their number is changed on the way", () => {
    fc.assert(
      fc.property(rungs, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }), (rung, planned) => {
        const { from, until } = rungOf(rung);
        const most = TURNS[rung] ?? 0;
        const ends = planned.slice(0, most).map((turns, turn) => planTurnEnd(rung, turn, Math.min(turns, most)));
        for (const end of ends) expect(end > from && end <= until).toBe(true);
        expect(ends.at(-1)).toBe(until);
      }),
    );
  });
});

it("cuts the blocks of a slow model, so that a round stays short", () => {
  expect([planBlock(undefined), planBlock(2), planBlock(900)]).toEqual([8, 8, 4]);
});
