import fc from "fast-check";
import { expect, it } from "vitest";
import { ratioOf } from "./round-ratio.js";

/** Whatever a median of times can be: none, too little to see, or absurd. */
const anyTime = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });

it("of any two times is a number above 0 that can be sent and turned into a gain", () => {
  fc.assert(
    fc.property(anyTime, anyTime, (time, baseline) => {
      const ratio = ratioOf(time, baseline);
      expect(ratio).toBeGreaterThan(0);
      expect(Number.isFinite(ratio)).toBe(true);
      expect(Number.isFinite(1 / ratio - 1)).toBe(true);
    }),
    {
      examples: [
        [1, 0],
        [0, 0],
        [0, 1],
        [Number.MAX_VALUE, Number.MIN_VALUE],
      ],
    },
  );
});

it("of times that a clock can see is the one by the other", () => {
  const seen = fc.double({ min: 0.001, max: 3_600_000, noNaN: true });
  fc.assert(
    fc.property(seen, seen, (time, baseline) => {
      expect(ratioOf(time, baseline)).toBe(time / baseline);
    }),
  );
});

it("of two models that are too fast for the clock says that they are equal", () => {
  expect(ratioOf(0, 0)).toBe(1);
});
