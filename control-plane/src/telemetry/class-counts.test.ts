import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClassTally, encodeClassCounts } from "./class-counts.js";

const counts = fc.dictionary(fc.nat(50).map(String), fc.nat(), { noNullPrototype: true });

describe("class counts of many windows", () => {
  it("add up class by class", () => {
    fc.assert(
      fc.property(fc.array(counts), (windows) => {
        const tally = new ClassTally();
        const expected: Record<string, number> = {};
        for (const window of windows) {
          expect(tally.add(encodeClassCounts(window))).toBe(Object.keys(window).length);
          for (const [index, count] of Object.entries(window)) expected[index] = (expected[index] ?? 0) + count;
        }
        expect(tally.result()).toEqual(expected);
      }),
    );
  });

  it("are nothing where no class was answered", () => {
    expect(encodeClassCounts(undefined)).toBeNull();
    expect(encodeClassCounts({})).toBeNull();
    expect(new ClassTally().add(null)).toBe(0);
  });
});
