import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ELEMENT } from "../graph/index.js";
import { affineOf, dequantizeValue, fullRange, integerRange, quantizeValue } from "./affine.js";

const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) });
const types = fc.constantFrom(ELEMENT.uint8, ELEMENT.int8);

describe("scale and zero point", () => {
  // Numbers that compute_scale_zp of onnxruntime.quantization 1.30.0 printed for these ranges.
  it.each([
    { minimum: 0, maximum: 6, type: ELEMENT.uint8, symmetric: false, scale: 0.0235294122248888, zeroPoint: 0 },
    { minimum: -1.5, maximum: 2.7, type: ELEMENT.uint8, symmetric: false, scale: 0.016470586881041527, zeroPoint: 91 },
    { minimum: -1.5, maximum: 2.7, type: ELEMENT.int8, symmetric: false, scale: 0.016470586881041527, zeroPoint: -37 },
    { minimum: -1.5, maximum: 2.7, type: ELEMENT.int8, symmetric: true, scale: 0.021259842440485954, zeroPoint: 0 },
    { minimum: -1.5, maximum: 2.7, type: ELEMENT.uint8, symmetric: true, scale: 0.021176470443606377, zeroPoint: 128 },
    { minimum: 3, maximum: 4, type: ELEMENT.uint8, symmetric: false, scale: 0.01568627543747425, zeroPoint: 0 },
    { minimum: 0, maximum: 0, type: ELEMENT.int8, symmetric: false, scale: 1, zeroPoint: 0 },
  ])("are those of the reference tool for $minimum..$maximum", ({ minimum, maximum, type, symmetric, ...wanted }) => {
    expect(affineOf({ minimum, maximum }, integerRange(type, symmetric), symmetric)).toEqual(wanted);
  });

  it("always hold 0 exactly and the whole range to within half a step", () => {
    fc.assert(
      fc.property(value, value, types, fc.boolean(), (a, b, type, symmetric) => {
        const range = { minimum: Math.min(a, b), maximum: Math.max(a, b) };
        const parameters = affineOf(range, integerRange(type, symmetric), symmetric);
        const full = fullRange(type);
        expect(parameters.scale).toBe(Math.fround(parameters.scale));
        expect(dequantizeValue(quantizeValue(0, parameters, full), parameters)).toBe(0);
        for (const end of [a, b]) {
          const back = dequantizeValue(quantizeValue(end, parameters, full), parameters);
          expect(Math.abs(back - end)).toBeLessThanOrEqual(parameters.scale * 1.001);
        }
      }),
    );
  });
});
