import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classificationReport } from "./classification-report.js";

describe("classification report", () => {
  it("counts what both, only one and none of the models get right", () => {
    const report = classificationReport([0, 0, 1, 1, 2], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], 4);
    expect(report).toMatchObject({ samples: 5, accuracy: 0.6, referenceAccuracy: 0.6, agreement: 0.6, pValue: 1 });
    expect(report).toMatchObject({ onlyVariantRight: 1, onlyReferenceRight: 1 });
    expect(report.recallByClass).toEqual([1, 0.5, 0, null]);
  });

  it("is consistent with itself for any predictions", () => {
    const triple = fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4));
    fc.assert(
      fc.property(fc.array(triple, { minLength: 1, maxLength: 60 }), (rows) => {
        const [labels, reference, variant] = [0, 1, 2].map((column) => rows.map((row) => row[column] ?? 0));
        const report = classificationReport(labels ?? [], reference ?? [], variant ?? [], 5);
        const difference = (report.onlyVariantRight - report.onlyReferenceRight) / report.samples;
        expect(report.accuracy - report.referenceAccuracy).toBeCloseTo(difference, 12);
        expect(report.agreement).toBeLessThanOrEqual(
          1 - (report.onlyVariantRight + report.onlyReferenceRight) / report.samples + 1e-12,
        );
        expect(report.pValue).toBeGreaterThan(0);
        expect(report.pValue).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("refuses lists of different lengths", () => {
    expect(() => classificationReport([1], [1, 2], [1], 3)).toThrow(RangeError);
  });
});
