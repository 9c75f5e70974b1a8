import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { medianInterval } from "./bootstrap.js";
import { seededRandom } from "./seeded-random.js";
import { median, quantile } from "./statistics.js";

describe("the interval of a ratio", () => {
  it("holds the median, lies within what was measured, and is the same wherever it is computed", () => {
    const values = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 90 });
    fc.assert(
      fc.property(values, fc.string(), (ratios, seed) => {
        const interval = medianInterval(ratios, seededRandom(seed), 200);
        expect(interval.typical).toBeCloseTo(median(ratios), 12);
        expect(interval.low).toBeLessThanOrEqual(interval.typical);
        expect(interval.high).toBeGreaterThanOrEqual(interval.typical);
        expect(interval.low).toBeGreaterThanOrEqual(Math.min(...ratios));
        expect(interval.high).toBeLessThanOrEqual(Math.max(...ratios));
        expect(medianInterval([...ratios].reverse(), seededRandom(seed), 200)).toEqual(interval);
      }),
      { numRuns: 100 },
    );
  });

  it("holds the true ratio about 95 times in 100, from the eight rounds of the first rung on", () => {
    for (const rounds of [8, 25, 83]) {
      const draw = seededRandom(`coverage ${rounds}`);
      let held = 0;
      for (let trial = 0; trial < 400; trial++) {
        // Skewed, as latencies are: the true median is 1.
        const ratios = Array.from({ length: rounds }, () =>
          Math.exp(0.3 * Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw())),
        );
        const { low, high } = medianInterval(ratios, seededRandom(`${trial}`), 500);
        if (low <= 1 && high >= 1) held += 1;
      }
      expect(held / 400).toBeGreaterThan(0.9);
    }
  });

  it("barely moves when one round in ten is wild", () => {
    const calm = Array.from({ length: 30 }, (_, round) => 0.5 + 0.001 * round);
    const wild = calm.map((ratio, round) => (round % 10 === 3 ? ratio * 20 : ratio));
    expect(medianInterval(wild, seededRandom("a")).typical).toBeCloseTo(
      medianInterval(calm, seededRandom("a")).typical,
      2,
    );
  });
});

describe("percentiles", () => {
  it("are values that were measured (nearest rank)", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1)]).toEqual([50, 95, 100]);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
