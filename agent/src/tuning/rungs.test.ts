import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSettled, planBlock, planSurvivors, type Standing } from "./rungs.js";

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

it("cuts the blocks of a slow model, so that a round stays short", () => {
  expect([planBlock(undefined), planBlock(2), planBlock(900)]).toEqual([8, 8, 4]);
});
