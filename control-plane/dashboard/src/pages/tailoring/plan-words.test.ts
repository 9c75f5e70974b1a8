import type { RuledOut, TailoringCandidate } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { basisWords, groupRuledOut, latencyWords, placeWords, providerWords } from "./plan-words.js";

const entry = (code: RuledOut["code"], name: string): RuledOut => ({
  variant: { name, kind: "fp16" },
  executionProvider: "cpu",
  code,
  reason: "because",
});

describe("a plan in words", () => {
  it("groups what was ruled out by reason, limits first and what merely came later last", () => {
    const groups = groupRuledOut([
      entry("outranked", "a"),
      entry("too_slow", "b"),
      entry("forbidden_by_policy", "c"),
      entry("too_slow", "d"),
    ]);
    expect(groups.map(({ code }) => code)).toEqual(["forbidden_by_policy", "too_slow", "outranked"]);
    expect(groups[1]?.entries.map(({ variant }) => variant.name)).toEqual(["b", "d"]);
    expect(groupRuledOut([])).toEqual([]);
  });

  it("keeps a reason that this page does not know, at the end and by its name", () => {
    const strange = { ...entry("too_slow", "x"), code: "bad_weather" as RuledOut["code"] };
    expect(groupRuledOut([strange, entry("outranked", "y")]).map(({ title }) => title)).toEqual([
      "Fit to run, but others come first",
      "bad weather",
    ]);
  });

  it("says how many threads only where threads are meant", () => {
    expect(placeWords({ executionProvider: "cpu", intraOpThreads: 1 })).toBe("CPU, 1 thread");
    const sessionConfig = { "session.intra_op.allow_spinning": "1" };
    expect(placeWords({ executionProvider: "cpu", intraOpThreads: 2, sessionConfig })).toBe("CPU, 2 threads, spinning");
    expect(placeWords({ executionProvider: "tensorrt", intraOpThreads: 4 })).not.toContain("thread");
    expect(providerWords("npu")).toBe("npu");
  });

  it("gives a range only for what was not measured", () => {
    const latencyMs = { low: 1, typical: 2, high: 4 };
    const predicted = (basis: TailoringCandidate["predicted"]["basis"]) => ({
      predicted: { basis, latencyMs, memoryBytes: 0, memoryBasis: "estimated" as const, devices: 0 },
    });
    expect(latencyWords(predicted("measured"))).toBe("2.00 ms");
    expect(latencyWords(predicted("estimated"))).toBe("2.00 ms (1.00 ms to 4.00 ms)");
    expect(basisWords("estimated").hint).toContain("nothing was measured");
  });
});
