import { DdSketch } from "@sartor/shared/domain/sketch";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantilesOf } from "./quantiles-of.js";

const WANTED = { p0: 0, p10: 0.1, p50: 0.5, p95: 0.95, p99: 0.99, p100: 1 };

describe("quantiles of a sketch that came over the wire", () => {
  it("are those of the sketch it was made of", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(0)), { minLength: 1 }),
        (values) => {
          const sketch = new DdSketch();
          for (const value of values) sketch.add(value);
          const expected = Object.entries(WANTED).map(([name, q]) => [name, sketch.quantile(q)]);
          expect(quantilesOf(sketch.toMessage(), WANTED)).toEqual(Object.fromEntries(expected));
        },
      ),
    );
  });

  it("are none where nothing was measured or the sketch contradicts itself", () => {
    const message = { ...new DdSketch().toMessage() };
    expect(quantilesOf(undefined, WANTED)).toBeNull();
    expect(quantilesOf(message, WANTED)).toBeNull();
    expect(quantilesOf({ ...message, count: 5, minimum: 1, maximum: 2 }, WANTED)).toBeNull();
    expect(quantilesOf({ ...message, count: 1, buckets: [1] }, WANTED)).toBeNull();
  });
});
