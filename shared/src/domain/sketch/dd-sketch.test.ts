import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sketchSchema } from "../../protocol/index.js";
import { DdSketch } from "./dd-sketch.js";

/** Latencies as they come: from a microsecond to a minute, in ms, over all orders of magnitude. */
const latency = fc.double({ min: -6.9, max: 11, noNaN: true }).map(Math.exp);
const latencies = fc.array(latency, { minLength: 1, maxLength: 400 });
const share = fc.double({ min: 0, max: 1, noNaN: true });

function sketchOf(values: readonly number[], maximumBuckets?: number): DdSketch {
  const sketch = new DdSketch(maximumBuckets === undefined ? {} : { maximumBuckets });
  for (const value of values) expect(sketch.add(value)).toBe(true);
  return sketch;
}

function exactQuantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}

/** All but the sum, whose last digits depend on the order of additions. */
function shape(sketch: DdSketch) {
  const { sum: _sum, ...rest } = sketch.toMessage();
  return rest;
}

describe("DdSketch", () => {
  it("gives every quantile within 1 % of the exact one", () => {
    fc.assert(
      fc.property(latencies, share, (values, q) => {
        const exact = exactQuantile(values, q);
        const estimate = sketchOf(values).quantile(q) ?? Number.NaN;
        expect(Math.abs(estimate - exact) / exact).toBeLessThanOrEqual(0.01 * (1 + 1e-9));
      }),
      { numRuns: 500 },
    );
  });

  it("holds whatever accuracy it was made with", () => {
    fc.assert(
      fc.property(latencies, share, fc.double({ min: 0.002, max: 0.3, noNaN: true }), (values, q, relativeAccuracy) => {
        const sketch = new DdSketch({ relativeAccuracy, maximumBuckets: 2048 });
        for (const value of values) sketch.add(value);
        fc.pre(sketch.bucketCount < 2048);
        const exact = exactQuantile(values, q);
        const estimate = sketch.quantile(q) ?? Number.NaN;
        expect(Math.abs(estimate - exact) / exact).toBeLessThanOrEqual(relativeAccuracy * (1 + 1e-9));
      }),
    );
  });

  it("merges into the sketch that one device would have made of all values", () => {
    fc.assert(
      fc.property(latencies, latencies, fc.integer({ min: 1, max: 600 }), (left, right, maximumBuckets) => {
        const merged = sketchOf(left, maximumBuckets);
        merged.merge(sketchOf(right, maximumBuckets));
        const union = sketchOf([...left, ...right], maximumBuckets);
        expect(shape(merged)).toEqual(shape(union));
        expect(merged.sum).toBeCloseTo(union.sum, 3);
      }),
    );
  });

  it("does not depend on the order of values, nor on the order of merges", () => {
    fc.assert(
      fc.property(latencies, latencies, fc.integer({ min: 1, max: 64 }), (left, right, maximumBuckets) => {
        expect(shape(sketchOf(left.toReversed(), maximumBuckets))).toEqual(shape(sketchOf(left, maximumBuckets)));
        const a = sketchOf(left, maximumBuckets);
        a.merge(sketchOf(right, maximumBuckets));
        const b = sketchOf(right, maximumBuckets);
        b.merge(sketchOf(left, maximumBuckets));
        expect(shape(a)).toEqual(shape(b));
      }),
    );
  });

  it("can be merged with itself", () => {
    const sketch = sketchOf([1, 2, 3]);
    sketch.merge(sketch);
    expect(sketch.count).toBe(6);
    expect(sketch.sum).toBe(12);
  });

  it("comes back from the wire as it was sent, and the message fits its schema", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(latency, fc.constant(0)), { maxLength: 300 }), (values) => {
        const sent = sketchOf(values).toMessage();
        const received = sketchSchema.parse(JSON.parse(JSON.stringify(sent)));
        expect(DdSketch.fromMessage(received).toMessage()).toEqual(sent);
      }),
    );
  });

  it("never uses more buckets than it may, and the highest quantiles stay within 1 % all the same", () => {
    fc.assert(
      fc.property(latencies, fc.integer({ min: 1, max: 256 }), (values, maximumBuckets) => {
        const sketch = sketchOf(values, maximumBuckets);
        expect(sketch.bucketCount).toBeLessThanOrEqual(maximumBuckets);
        expect(sketch.count).toBe(values.length);
        // Exact values that lie inside the kept range, clear of the bucket that took the merged ones.
        const gamma = 1.01 / 0.99;
        const floor = (sketch.maximum ?? 0) / gamma ** (maximumBuckets - 2);
        for (const q of [0.5, 0.9, 0.99]) {
          const exact = exactQuantile(values, q);
          if (exact <= floor) continue;
          expect(Math.abs((sketch.quantile(q) ?? Number.NaN) - exact) / exact).toBeLessThanOrEqual(0.01 * (1 + 1e-9));
        }
      }),
    );
  });

  it("keeps its memory when the values are spread over all magnitudes", () => {
    const sketch = new DdSketch();
    for (let exponent = -8; exponent <= 17; exponent += 0.001) sketch.add(10 ** exponent);
    expect(sketch.bucketCount).toBe(1024);
    expect(sketch.count).toBe(25_001);
    expect(sketchSchema.safeParse(sketch.toMessage()).success).toBe(true);
  });

  it("counts zeros as zeros", () => {
    const sketch = sketchOf([0, 0, 0, 5]);
    expect(sketch.quantile(0.5)).toBe(0);
    expect(sketch.quantile(1)).toBe(5);
    expect(sketch.minimum).toBe(0);
    expect(sketch.toMessage().zeroCount).toBe(3);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e19])("refuses %s", (value) => {
    const sketch = new DdSketch();
    expect(sketch.add(value)).toBe(false);
    expect(sketch.count).toBe(0);
  });

  it("takes a rounding error below zero (an entropy of -1e-17) as zero", () => {
    expect(sketchOf([-1e-17]).minimum).toBe(0);
  });

  it("says nothing of an empty sketch", () => {
    const sketch = new DdSketch();
    expect(sketch.quantile(0.5)).toBeUndefined();
    expect(sketch.minimum).toBeUndefined();
    expect(sketchOf([1]).quantile(1.5)).toBeUndefined();
  });

  it("refuses to merge sketches of different accuracy", () => {
    expect(() => new DdSketch().merge(new DdSketch({ relativeAccuracy: 0.02 }))).toThrow(
      expect.objectContaining({ code: "SRT_MESSAGE_INVALID" }),
    );
  });

  it.each([{ relativeAccuracy: 0 }, { relativeAccuracy: 1 }, { maximumBuckets: 0 }, { maximumBuckets: 4096 }])(
    "refuses the settings %o",
    (options) => {
      expect(() => new DdSketch(options)).toThrow(expect.objectContaining({ code: "SRT_MESSAGE_INVALID" }));
    },
  );

  it.each([{ count: 3 }, { minimum: undefined }, { minimum: 10, maximum: 1 }, { relativeAccuracy: 1e-7 }])(
    "refuses a message that contradicts itself: %o",
    (change) => {
      const message = { ...sketchOf([1, 2]).toMessage(), ...change };
      expect(() => DdSketch.fromMessage(message)).toThrow(expect.objectContaining({ code: "SRT_MESSAGE_INVALID" }));
    },
  );
});
