import { describe, expect, it } from "vitest";
import { type FitCandidate, type IncumbentFinding, planVerdict } from "./verdict.js";

const rules = { minimumGain: 0.05, hysteresisMs: 24 * 3_600_000 };
const FIT: IncumbentFinding = { kind: "fit", id: "now" };

const candidate = (id: string, low: number, typical: number, high: number): FitCandidate => ({
  id,
  ratio: { low, typical, high },
  runs: 200,
  rounds: 25,
  throttled: false,
});

const judge = (
  candidates: readonly FitCandidate[],
  incumbent: IncumbentFinding = FIT,
  sinceSwitchMs: number | undefined = undefined,
) => planVerdict({ incumbent, candidates, rules, sinceSwitchMs });

describe("a switch", () => {
  it("is made for a gain that is surely one and is worth it", () => {
    const verdict = judge([candidate("a", 0.75, 0.8, 0.85), candidate("b", 0.45, 0.5, 0.55)]);
    expect(verdict).toMatchObject({ decision: "switch", candidateId: "b", gain: { typical: 1 } });
    expect(verdict.gain?.low).toBeCloseTo(1 / 0.55 - 1);
    expect(verdict.gain?.high).toBeCloseTo(1 / 0.45 - 1);
    expect(verdict.reason).toBe(
      "b needs 50.0 % of the time of now (95 % interval 45.0 % to 55.0 %, 200 runs in 25 rounds): it is 100.0 % faster, and 81.8 % at least.",
    );
  });

  it("is not made for less than the least gain, however sure", () => {
    const verdict = judge([candidate("a", 0.955, 0.96, 0.965)]);
    expect(verdict).toMatchObject({ decision: "keep", candidateId: "now", gain: null });
    expect(verdict.reason).toContain("is 4.2 % faster, and a switch is worth it from 5.0 % on");
  });

  it("is made as soon as what serves takes 5 % longer, so that what stays is never slower by more", () => {
    expect(judge([candidate("a", 0.95, 1 / 1.0499, 0.955)])).toMatchObject({ decision: "keep" });
    expect(judge([candidate("a", 0.95, 1 / 1.0501, 0.955)])).toMatchObject({ decision: "switch" });
  });

  it("says a finite gain of a model that took no time that could be measured", () => {
    const { gain } = judge([candidate("a", 0, 0, 0.1)]);
    expect([gain?.low, gain?.typical, gain?.high].every(Number.isFinite)).toBe(true);
  });

  it("is not made for a gain that may be chance", () => {
    expect(judge([candidate("a", 0.7, 0.85, 1.01)])).toMatchObject({ decision: "keep", candidateId: "now" });
  });

  it("is made to the one whose gain is sure where another may be faster still, or not faster at all", () => {
    const candidates = [candidate("erratic", 0.5, 0.7, 1.02), candidate("steady", 0.78, 0.8, 0.82)];
    expect(judge(candidates)).toMatchObject({ decision: "switch", candidateId: "steady" });
    const little = [candidate("erratic", 0.5, 0.7, 1.02), candidate("steady", 0.955, 0.96, 0.965)];
    expect(judge(little)).toMatchObject({ decision: "keep", candidateId: "now" });
    expect(judge(little).reason).toContain("erratic needs 70.0 %");
  });

  it("waits until the last one is long enough ago", () => {
    const hour = 3_600_000;
    expect(judge([candidate("a", 0.4, 0.5, 0.6)], FIT, 5 * hour)).toMatchObject({
      decision: "hold",
      candidateId: "a",
      gain: { typical: 1 },
    });
    expect(judge([candidate("a", 0.4, 0.5, 0.6)], FIT, 25 * hour)).toMatchObject({ decision: "switch" });
  });

  it("is never made on too few runs", () => {
    expect(judge([{ ...candidate("a", 1, 1, 1), ratio: undefined, runs: 40 }])).toMatchObject({
      decision: "keep",
      candidateId: "now",
    });
  });
});

describe("an incumbent that is not fit to run", () => {
  const UNFIT: IncumbentFinding = { kind: "unfit", id: "now", problem: "The golden vectors do not hold." };

  it("is left at once for the fastest candidate that is, even a slower one", () => {
    const verdict = judge([candidate("a", 2.9, 3, 3.1), candidate("b", 1.9, 2, 2.1)], UNFIT, 1_000);
    expect(verdict).toMatchObject({ decision: "switch", candidateId: "b" });
    expect(verdict.gain?.typical).toBeCloseTo(-0.5);
  });

  it("is left for the plan's first when none was measured well", () => {
    const unmeasured = { ...candidate("a", 1, 1, 1), ratio: undefined, runs: 8 };
    expect(judge([unmeasured], UNFIT)).toMatchObject({ decision: "switch", candidateId: "a", gain: null });
  });

  it("stays when nothing else is fit either, and the verdict names nobody", () => {
    expect(judge([], UNFIT)).toMatchObject({ decision: "keep", candidateId: null });
  });
});

describe("without a comparison", () => {
  it("the fastest is taken where nothing serves", () => {
    expect(judge([candidate("a", 1, 1, 1), candidate("b", 0.6, 0.7, 0.8)], { kind: "none" })).toMatchObject({
      decision: "switch",
      candidateId: "b",
      gain: null,
    });
  });

  it("a tuning never changes the version that serves", () => {
    const other: IncumbentFinding = { kind: "other_version", serving: "road-sign 1.0.0", ordered: "road-sign 2.0.0" };
    expect(judge([candidate("a", 0.1, 0.1, 0.1)], other)).toMatchObject({ decision: "keep", candidateId: null });
  });

  it("what serves stays where no second copy of it could be loaded", () => {
    const finding: IncumbentFinding = { kind: "not_comparable", id: "now", problem: "No memory." };
    expect(judge([candidate("a", 0.1, 0.1, 0.1)], finding)).toMatchObject({ decision: "keep", candidateId: "now" });
  });
});
