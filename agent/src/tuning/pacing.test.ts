import fc from "fast-check";
import { expect, it } from "vitest";
import { Pacer } from "./pacing.js";

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
