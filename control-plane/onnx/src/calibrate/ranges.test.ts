import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ELEMENT } from "../graph/index.js";
import { ActivationStatistics } from "./activation-statistics.js";
import { Histogram } from "./histogram.js";
import { RANGE_METHODS, type RangeMethod, rangeError, rangeOf } from "./range-methods.js";
import { packGroups } from "./tap-session.js";

const u8 = { type: ELEMENT.uint8, symmetric: false } as const;
const s8 = { type: ELEMENT.int8, symmetric: true } as const;
const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
const values = fc.array(finite, { minLength: 1, maxLength: 200 }).map((list) => Float32Array.from(list));

function statisticsOf(runs: readonly Float32Array[]): ActivationStatistics {
  const statistics = new ActivationStatistics("value");
  for (const data of runs) statistics.add({ shape: [1, data.length], data }, 1);
  return statistics;
}

/** A normal distribution, the same at every call, with some outliers. */
function bellWithOutliers(outlier: number): Float32Array {
  const data = Float32Array.from({ length: 200_000 }, (_, index) => {
    const uniform = ((index * 7919) % 200_000) + 0.5;
    return Math.log(uniform / (200_000 - uniform)) / 1.7;
  });
  data[17] = outlier;
  return data;
}

describe("statistics of activations", () => {
  it("count every value once, within the range that was seen, however it grows", () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 5 }), (runs) => {
        const histogram = new Histogram();
        let [least, greatest] = [0, 0];
        for (const run of runs) {
          histogram.add(run, Math.min(...run), Math.max(...run));
          [least, greatest] = [Math.min(least, ...run), Math.max(greatest, ...run)];
        }
        expect(histogram.total).toBe(runs.reduce((sum, run) => sum + run.length, 0));
        const width = Math.max(-least, greatest) / 2048;
        for (const { centre } of histogram.bins()) {
          expect(centre).toBeGreaterThanOrEqual(least - width);
          expect(centre).toBeLessThanOrEqual(greatest + width);
        }
      }),
    );
  });

  it("keep the exact least and greatest value, and the mean of each sample's", () => {
    const statistics = new ActivationStatistics("value");
    statistics.add({ shape: [2, 2], data: Float32Array.of(-1, 2, -3, 8) }, 2);
    expect([statistics.minimum, statistics.maximum, statistics.samples]).toEqual([-3, 8, 2]);
    expect([statistics.meanMinimum, statistics.meanMaximum]).toEqual([-2, 5]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuse %d wherever it stands", (bad) => {
    for (const at of [0, 1, 2]) {
      const data = Float32Array.of(1, 2, 3);
      data[at] = bad;
      expect(() => statisticsOf([data])).toThrow(expect.objectContaining({ code: "SRT_CALIBRATION_NOT_FINITE" }));
    }
  });
});

describe("ranges", () => {
  it("include 0 and lie within what was seen, by every method", () => {
    fc.assert(
      fc.property(values, fc.constantFrom(...RANGE_METHODS), fc.constantFrom(u8, s8), (data, method, type) => {
        const { minimum, maximum } = rangeOf(statisticsOf([data]), method, type);
        expect(minimum).toBeLessThanOrEqual(0);
        expect(maximum).toBeGreaterThanOrEqual(0);
        expect(minimum).toBeGreaterThanOrEqual(Math.min(0, ...data));
        expect(maximum).toBeLessThanOrEqual(Math.max(0, ...data));
      }),
    );
  });

  it("of the least squares never lose more than those of any other method", () => {
    fc.assert(
      fc.property(fc.constantFrom<RangeMethod>("min-max"), values, fc.constantFrom(u8, s8), (method, data, type) => {
        const statistics = statisticsOf([data]);
        const bins = statistics.histogram.bins();
        const best = rangeError(bins, rangeOf(statistics, "least-squares", type), type);
        expect(best).toBeLessThanOrEqual(rangeError(bins, rangeOf(statistics, method, type), type));
      }),
    );
  });

  it.each(["percentile", "least-squares", "entropy"] as const)(
    "by %s cut off a lone outlier, unlike min-max",
    (method) => {
      const statistics = statisticsOf([bellWithOutliers(60)]);
      expect(rangeOf(statistics, "min-max", s8).maximum).toBe(60);
      const range = rangeOf(statistics, method, s8);
      expect(range.maximum).toBeLessThan(40);
      expect(range.maximum).toBeGreaterThan(2);
    },
  );

  it("by entropy are another answer than min-max, and keep a distribution without outliers whole", () => {
    const flat = Float32Array.from({ length: 5000 }, (_, index) => index / 2500 - 1);
    expect(rangeOf(statisticsOf([flat]), "entropy", s8).maximum).toBeGreaterThan(0.9);
    const outlier = statisticsOf([bellWithOutliers(60)]);
    expect(rangeOf(outlier, "entropy", s8)).not.toEqual(rangeOf(outlier, "min-max", s8));
  });

  it("of a value that was always 0 are empty and do no harm", () => {
    for (const method of RANGE_METHODS) {
      expect(rangeOf(statisticsOf([new Float32Array(8)]), method, u8)).toEqual({ minimum: 0, maximum: 0 });
    }
  });
});

describe("groups of values that are read in one run", () => {
  it("hold each value once, in order, and never more bytes than allowed unless one value alone is larger", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 40 }), fc.integer({ min: 1, max: 100 }), (sizes, limit) => {
        const names = sizes.map((_, index) => `v${index}`);
        const bytesOf = (name: string) => sizes[Number(name.slice(1))] ?? 0;
        const groups = packGroups(names, bytesOf, limit);
        expect(groups.flat()).toEqual(names);
        for (const group of groups) {
          const bytes = group.reduce((sum, name) => sum + bytesOf(name), 0);
          expect(group.length === 1 || bytes <= limit).toBe(true);
        }
      }),
    );
  });
});
