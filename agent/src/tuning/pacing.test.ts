import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Pacer, waitAfter } from "./pacing.js";

it("never spends more than its share, whatever the work looks like", () => {
  const work = fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.double({ min: 0.1, max: 8, noNaN: true })), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(
      work,
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 64 }),
      (pieces, share, cores) => {
        const pacer = new Pacer(share, cores);
        let wall = 0;
        for (const [wallMs, busyCores] of pieces) wall += wallMs + pacer.pauseAfter(wallMs * busyCores, wallMs);
        expect(pacer.spentMs).toBeLessThanOrEqual(share * cores * wall + 20.001);
      },
    ),
  );
});

it("does not save up quiet time for a burst", () => {
  const pacer = new Pacer(0.5, 2);
  expect(pacer.pauseAfter(0, 60_000)).toBe(0);
  expect(pacer.pauseAfter(2_020, 1_000)).toBe(1_000);
});

describe("the wait after a round that did not count", () => {
  it("doubles up to 8 s where the device has to cool, or others to finish", () => {
    for (const flaw of ["throttled", "clock_dropped", "others_took_cpu"] as const)
      expect([1, 2, 3, 4, 5, 6, 60].map((inARow) => waitAfter(flaw, inARow, 20))).toEqual([
        500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000,
      ]);
  });

  it("is in proportion to the round where that was just unlike the others", () => {
    expect([1, 2, 60].map((inARow) => waitAfter("outlier", inARow, 20))).toEqual([80, 80, 80]);
    expect([1, 2, 3, 60].map((inARow) => waitAfter("outlier", inARow, 300))).toEqual([500, 1_000, 1_200, 1_200]);
    expect(waitAfter("outlier", 60, 5_000)).toBe(8_000);
  });
});
