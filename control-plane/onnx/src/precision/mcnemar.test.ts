import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactMcNemar } from "./mcnemar.js";

/** The definition, with whole numbers: twice the probability of a split at least as uneven. */
function byDefinition(a: number, b: number): number {
  const total = a + b;
  let choose = 1n;
  let sum = 0n;
  for (let wins = 0; wins <= Math.min(a, b); wins++) {
    sum += choose;
    choose = (choose * BigInt(total - wins)) / BigInt(wins + 1);
  }
  // Sixty-two binary digits below the point are more than a double holds.
  return Math.min(1, Number(((2n * sum) << 62n) / (1n << BigInt(total))) / 2 ** 62);
}

describe("exact McNemar test", () => {
  // Computed with Python's fractions: twice the sum of C(n, i) for i up to the smaller count, over 2^n.
  it.each([
    [0, 0, 1],
    [5, 5, 1],
    [1, 5, 0.21875],
    [2, 10, 0.03857421875],
    [0, 6, 0.03125],
    [10, 25, 0.01667384780012071],
    [59, 121, 4.434449263755176e-6],
  ])("of %i against %i is %d", (a, b, p) => {
    expect(exactMcNemar(a, b)).toBeCloseTo(p, 14);
    expect(exactMcNemar(b, a)).toBe(exactMcNemar(a, b));
  });

  it("agrees with its definition in whole numbers", () => {
    const count = fc.integer({ min: 0, max: 400 });
    fc.assert(
      fc.property(count, count, (a, b) => {
        const wanted = byDefinition(a, b);
        const got = exactMcNemar(a, b);
        expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-11 * wanted + 2 ** -60);
      }),
    );
  });

  it("stays a probability for samples by the million", () => {
    expect(exactMcNemar(1_000_000, 1_000_000)).toBe(1);
    const p = exactMcNemar(1_000_000, 1_002_000);
    // The normal approximation: |b - c| / sqrt(b + c) = 1.41.
    expect(p).toBeGreaterThan(0.155);
    expect(p).toBeLessThan(0.16);
  });

  it("refuses what cannot be counts", () => {
    expect(() => exactMcNemar(-1, 2)).toThrow(RangeError);
    expect(() => exactMcNemar(1.5, 2)).toThrow(RangeError);
  });
});
