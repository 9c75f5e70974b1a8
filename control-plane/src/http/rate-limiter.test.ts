import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateLimiter } from "./rate-limiter.js";

describe("the rate limit of an address", () => {
  it("never lets more through than the burst and what came back since, whatever the timing", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.nat(5_000), { maxLength: 200 }),
        (burst, perMinute, pauses) => {
          const limiter = new RateLimiter({ burst, perMinute });
          let now = 0;
          let passed = 0;
          for (const pause of pauses) {
            now += pause;
            if (limiter.take("a", now) === 0) passed += 1;
          }
          expect(passed).toBeLessThanOrEqual(burst + Math.floor((now / 60_000) * perMinute) + 1);
        },
      ),
    );
  });

  it("says when to come back, and keeps its word", () => {
    const limiter = new RateLimiter({ burst: 2, perMinute: 6 });
    expect([limiter.take("a", 0), limiter.take("a", 0)]).toEqual([0, 0]);
    const wait = limiter.take("a", 0);
    expect(wait).toBe(10_000);
    expect(limiter.take("b", 0)).toBe(0);
    expect(limiter.take("a", wait)).toBe(0);
  });

  it("remembers a bounded number of addresses, and forgets the oldest first", () => {
    const limiter = new RateLimiter({ burst: 1, perMinute: 1 }, 2);
    limiter.take("a", 0);
    limiter.take("b", 0);
    limiter.take("c", 0);
    expect(limiter.take("c", 1)).toBeGreaterThan(0);
    expect(limiter.take("a", 1)).toBe(0);
  });
});
