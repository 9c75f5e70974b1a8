import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { marginsOf, toleranceOf } from "./golden-tolerance.js";

const floor = { absoluteTolerance: 0.001, relativeTolerance: 0.01, minimumTopOneAgreement: 0.99 };

describe("what a variant's golden vectors must hold on a device", () => {
  it("is the version's own tolerance where fused kernels change nothing", () => {
    expect(toleranceOf({ largestDifference: 0, margins: [3, 4] }, floor)).toEqual(floor);
  });

  it("leaves three times the room that fused kernels took here, rounded up", () => {
    const { absoluteTolerance } = toleranceOf({ largestDifference: 0.0625, margins: [] }, floor);
    expect(absoluteTolerance).toBe(0.19);
  });

  it("asks for the same class wherever two classes are further apart than the tolerance", () => {
    const measured = { largestDifference: 0.01, margins: [0.02, 5, 6, 7] };
    expect(toleranceOf(measured, floor).minimumTopOneAgreement).toBe(0.75);
    expect(toleranceOf({ ...measured, margins: [0.04, 5, 6, 7] }, floor).minimumTopOneAgreement).toBe(0.99);
  });

  it("is never below the version's, never above three and a tenth times the difference, and never demands more agreement", () => {
    const positive = fc.double({ min: 1e-9, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(positive, fc.array(positive, { maxLength: 20 }), (largestDifference, margins) => {
        const got = toleranceOf({ largestDifference, margins }, floor);
        expect(got.absoluteTolerance).toBeGreaterThanOrEqual(Math.max(floor.absoluteTolerance, largestDifference * 3));
        expect(got.absoluteTolerance).toBeLessThanOrEqual(
          Math.max(floor.absoluteTolerance, largestDifference * 3) * 1.11,
        );
        expect(got.minimumTopOneAgreement).toBeLessThanOrEqual(floor.minimumTopOneAgreement);
        expect(got.minimumTopOneAgreement).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it("knows the margin between the two best classes of every row", () => {
    expect(marginsOf([1, 5, 3, 2, 2, 2], 3)).toEqual([2, 0]);
    expect(marginsOf([1, 2], 1)).toEqual([]);
  });
});
