import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseByteRange, type RangeAnswer } from "./byte-range.js";

describe("a range of 100 bytes", () => {
  it.each<[string | undefined, RangeAnswer]>([
    [undefined, { kind: "whole" }],
    ["bytes=0-9", { kind: "part", start: 0, end: 9 }],
    ["bytes=90-", { kind: "part", start: 90, end: 99 }],
    ["bytes=90-1000", { kind: "part", start: 90, end: 99 }],
    ["bytes=-10", { kind: "part", start: 90, end: 99 }],
    ["bytes=-1000", { kind: "part", start: 0, end: 99 }],
    ["bytes=100-", { kind: "unsatisfiable" }],
    ["bytes=100-200", { kind: "unsatisfiable" }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    ["bytes=9-0", { kind: "whole" }],
    ["bytes=-", { kind: "whole" }],
    ["bytes=0-1,5-6", { kind: "whole" }],
    ["lines=0-1", { kind: "whole" }],
    ["bytes=x-y", { kind: "whole" }],
  ])("asked for with %s is %o", (header, answer) => {
    expect(parseByteRange(header, 100)).toEqual(answer);
  });

  it("never leaves the content, whatever is asked", () => {
    fc.assert(
      fc.property(fc.option(fc.nat()), fc.option(fc.nat()), fc.nat(1_000), (first, last, total) => {
        const answer = parseByteRange(`bytes=${first ?? ""}-${last ?? ""}`, total);
        if (answer.kind !== "part") return;
        expect(answer.start).toBeGreaterThanOrEqual(0);
        expect(answer.start).toBeLessThanOrEqual(answer.end);
        expect(answer.end).toBeLessThan(total);
      }),
    );
  });
});
