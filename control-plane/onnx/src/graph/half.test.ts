import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBrainHalf, fromHalf, LARGEST_HALF, roundHalfToEven, toHalf } from "./half.js";

describe("float16", () => {
  it("comes back unchanged for each of the 65,536 bit patterns that is a number", () => {
    for (let half = 0; half < 0x1_0000; half++) {
      const value = fromHalf(half);
      const back = toHalf(value);
      if (Number.isNaN(value) ? !Number.isNaN(fromHalf(back)) : back !== half) expect.fail(`${half} became ${back}`);
    }
  });

  it("rounds every float32 to a nearest float16, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -LARGEST_HALF, max: LARGEST_HALF }), (value) => {
        const half = toHalf(value);
        const error = Math.abs(fromHalf(half) - value);
        for (const other of [half - 1, half + 1]) {
          if ((other & 0x7fff) > 0x7bff || other < 0) continue;
          const rival = Math.abs(fromHalf(other) - value);
          if (rival === error) expect(half % 2).toBe(0);
          else expect(error).toBeLessThanOrEqual(rival);
        }
      }),
    );
  });

  it("overflows only where rounding leaves the finite range", () => {
    expect(fromHalf(toHalf(65_519.99))).toBe(LARGEST_HALF);
    expect(fromHalf(toHalf(65_520))).toBe(Number.POSITIVE_INFINITY);
    expect(fromHalf(toHalf(-1e30))).toBe(Number.NEGATIVE_INFINITY);
  });

  it("reads bfloat16 as the upper half of a float32", () => {
    expect(fromBrainHalf(0x3f80)).toBe(1);
    expect(fromBrainHalf(0xc040)).toBe(-3);
  });
});

describe("rounding", () => {
  it("takes ties to the even neighbour", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 127.5, 3.2].map((value) => roundHalfToEven(value) + 0)).toEqual([
      0, 2, 2, 0, -2, -2, 128, 3,
    ]);
  });
});
