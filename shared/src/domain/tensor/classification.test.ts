import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classifyRow, entropy, softmax, topClasses } from "./classification.js";

const logits = fc.array(fc.float({ min: -500, max: 500, noNaN: true }), { minLength: 1, maxLength: 100 });

describe("reading a classifier's output", () => {
  it("gives probabilities that add up to 1 and keep the order, however large the logits", () => {
    fc.assert(
      fc.property(logits, (values) => {
        const probabilities = softmax(values);
        expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
        const best = values.indexOf(Math.max(...values));
        expect(topClasses(probabilities, 1)[0]?.index).toBeLessThanOrEqual(best);
        expect(probabilities[best]).toBe(Math.max(...probabilities));
      }),
    );
  });

  it("names the classes as a full sort would", () => {
    fc.assert(
      fc.property(logits, fc.integer({ min: 1, max: 7 }), (values, count) => {
        const sorted = values
          .map((probability, index) => ({ index, probability }))
          .sort((a, b) => b.probability - a.probability || a.index - b.index);
        expect(topClasses(values, count)).toEqual(sorted.slice(0, count));
      }),
    );
  });

  it("measures entropy in nats: 0 when certain, ln(n) when all classes are alike", () => {
    expect(entropy([0, 1, 0])).toBe(0);
    expect(entropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(Math.log(4), 12);
    fc.assert(
      fc.property(logits, (values) => {
        const value = entropy(softmax(values));
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(Math.log(values.length) + 1e-9);
      }),
    );
  });

  it("applies softmax only to logits", () => {
    expect(classifyRow([0.1, 0.9], "none", 1).top).toEqual([{ index: 1, probability: 0.9 }]);
    expect(classifyRow([0, Math.log(3)], "softmax", 1).top[0]?.probability).toBeCloseTo(0.75, 12);
  });
});
