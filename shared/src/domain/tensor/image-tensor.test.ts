import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createImageTensorWriter } from "./image-tensor.js";

const preprocessing = fc.record({
  width: fc.integer({ min: 1, max: 6 }),
  height: fc.integer({ min: 1, max: 6 }),
  colorOrder: fc.constantFrom("rgb" as const, "bgr" as const),
  layout: fc.constantFrom("nchw" as const, "nhwc" as const),
  mean: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
  standardDeviation: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
});
const withPixels = preprocessing.chain((settings) => {
  const length = settings.width * settings.height * 3;
  return fc.tuple(fc.constant(settings), fc.uint8Array({ minLength: length, maxLength: length }));
});

describe("pixels become model input", () => {
  it("each value stands where its layout and colour order say, bit for bit", () => {
    fc.assert(
      fc.property(withPixels, ([settings, pixels]) => {
        const { width, height, layout, colorOrder, mean, standardDeviation } = settings;
        const writer = createImageTensorWriter(settings);
        const values = new Float32Array(writer.length + 2);
        writer.write(pixels, values, 2);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            for (let channel = 0; channel < 3; channel++) {
              const byte = pixels[(y * width + x) * 3 + (colorOrder === "rgb" ? channel : 2 - channel)] as number;
              const at = layout === "nchw" ? (channel * height + y) * width + x : (y * width + x) * 3 + channel;
              const want = Math.fround(
                (byte / 255 - (mean[channel] as number)) / (standardDeviation[channel] as number),
              );
              expect(values[at + 2]).toBe(want);
            }
          }
        }
      }),
    );
  });

  it("refuses pixels of another size", () => {
    const writer = createImageTensorWriter({
      width: 2,
      height: 2,
      colorOrder: "rgb",
      layout: "nchw",
      mean: [0, 0, 0],
      standardDeviation: [1, 1, 1],
    });
    expect(() => writer.write(new Uint8Array(11), new Float32Array(12))).toThrow(RangeError);
    expect(() => writer.write(new Uint8Array(12), new Float32Array(11))).toThrow(RangeError);
  });
});
