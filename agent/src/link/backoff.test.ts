import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LOST_BACKOFF, planBackoff, REFUSED_BACKOFF } from "./backoff.js";

const policy = fc.record({
  baseMs: fc.integer({ min: 200, max: 5_000 }),
  capMs: fc.integer({ min: 5_000, max: 900_000 }),
});

describe("planBackoff", () => {
  it("waits between 100 ms and the cap, however often it failed", () => {
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 0, max: 1e9 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (p, failures, draw) => {
          const wait = planBackoff(p, failures, () => draw);
          expect(wait).toBeGreaterThanOrEqual(100);
          expect(wait).toBeLessThanOrEqual(p.capMs);
        },
      ),
    );
  });

  it("doubles its bound with each failure until the cap", () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7].map((failures) => planBackoff(LOST_BACKOFF, failures, () => 1));
    expect(bounds).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it("waits much longer after a refused credential than after a lost line", () => {
    expect(planBackoff(REFUSED_BACKOFF, 1, () => 0.5)).toBe(15_000);
    expect(planBackoff(LOST_BACKOFF, 1, () => 0.5)).toBe(500);
  });

  it("spreads a herd: of 10,000 devices that failed alike, no tenth of the time gets much more than a tenth of them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.integer(), (failures, seed) => {
        const random = generator(seed);
        const bound = Math.min(LOST_BACKOFF.capMs, LOST_BACKOFF.baseMs * 2 ** (failures - 1));
        const tenths = new Array<number>(10).fill(0);
        for (let device = 0; device < 10_000; device++) {
          const wait = planBackoff(LOST_BACKOFF, failures, random);
          const tenth = Math.min(9, Math.floor((wait / bound) * 10));
          tenths[tenth] = (tenths[tenth] ?? 0) + 1;
        }
        // The floor of 100 ms moves the first tenth of the first wait into the second.
        const most = failures === 1 ? 2_400 : 1_250;
        expect(Math.max(...tenths)).toBeLessThan(most);
      }),
      { numRuns: 30 },
    );
  });
});

/** Uniform numbers from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
