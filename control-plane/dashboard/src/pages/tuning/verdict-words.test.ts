import { describe, expect, it } from "vitest";
import { outcomeWords, verdictWords } from "./verdict-words.js";

const gain = { low: 0.2, typical: 0.31, high: 0.4 };

describe("the verdict of a tuning", () => {
  it("says what to run and how much it gains, with the interval", () => {
    expect(verdictWords({ decision: "switch", candidateId: "int8-u8s8 cpu 2", gain })).toBe(
      "Switch: int8-u8s8 cpu 2 takes 31 % less time (between 20 % and 40 %).",
    );
    expect(verdictWords({ decision: "hold", candidateId: "int8-u8s8 cpu 2", gain })).toContain("too recent");
    expect(verdictWords({ decision: "keep", candidateId: "fp32 cpu 2", gain: null })).toContain("Keep fp32 cpu 2");
  });

  it("says when nothing may run", () => {
    expect(verdictWords({ decision: "keep", candidateId: null, gain: null })).toContain("No change");
  });

  it("says why a candidate was refused", () => {
    const error = { code: "SRT_PROBE_FAILED", message: "output differs by 0.3" };
    expect(outcomeWords({ outcome: "refused", golden: null, error })).toBe("not fit: output differs by 0.3");
    const golden = { passed: false, largestAbsoluteError: 1, topOneAgreement: 0.5 };
    expect(outcomeWords({ outcome: "refused", golden, error: null })).toContain("answers differ");
  });
});
