import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "./random.js";

const draw = (seed: number, count: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe("random stream", () => {
  it("is the same for the same seed and another for another seed", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (one, other) => {
        expect(draw(one, 8)).toEqual(draw(one, 8));
        if (one !== other) expect(draw(one, 8)).not.toEqual(draw(other, 8));
      }),
    );
  });

  it("stays in its ranges", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 1000 }), (seed, count) => {
        const random = createRandom(seed);
        for (let i = 0; i < 50; i++) {
          const value = random.between(-2, 3);
          expect(value >= -2 && value < 3).toBe(true);
          const index = random.below(count);
          expect(Number.isInteger(index) && index >= 0 && index < count).toBe(true);
          expect(Number.isFinite(random.normal())).toBe(true);
        }
      }),
    );
  });

  it("spreads evenly, also from neighbouring seeds", () => {
    const tenths = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 10_000; seed++) tenths[Math.floor(createRandom(seed).next() * 10)]++;
    // 1,000 are expected in each; 150 is five standard deviations.
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
