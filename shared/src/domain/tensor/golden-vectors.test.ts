import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareGolden, goldenRun, readGoldenVectors, writeGoldenVectors } from "./golden-vectors.js";
import { halfToNumber, type Tensor, tensorFrom, viewElements } from "./tensor.js";

const manifest = {
  inputs: [{ name: "image", dataType: "FP32" as const, shape: [-1, 2] }],
  outputs: [{ name: "logits", dataType: "FP32" as const, shape: [-1, 3] }],
};
const floats = (name: string, shape: number[], values: number[]): Tensor =>
  tensorFrom(name, "FP32", shape, Float32Array.from(values));
const image = floats("image", [2, 2], [1, 2, 3, 4]);
const logits = floats("logits", [2, 3], [0, 1, 0, 5, 1, 2]);
const tolerance = { absoluteTolerance: 0.01, relativeTolerance: 0.001, minimumTopOneAgreement: 1 };

describe("golden vectors", () => {
  it("come back as written, one run at a time", () => {
    const vectors = readGoldenVectors(writeGoldenVectors({ inputs: [image], outputs: [logits] }), manifest);
    expect(vectors.count).toBe(2);
    const [second] = goldenRun(vectors.inputs, vectors.count, 1);
    expect(second?.shape).toEqual([1, 2]);
    expect([...viewElements(second as Tensor & { dataType: "FP32" })]).toEqual([3, 4]);
  });

  it.each([
    ["a missing output", { inputs: [image], outputs: [] }],
    ["another type", { inputs: [image], outputs: [tensorFrom("logits", "INT32", [2, 3], new Int32Array(6))] }],
    ["another shape", { inputs: [image], outputs: [floats("logits", [3, 2], [1, 2, 3, 4, 5, 6])] }],
    ["unequal counts", { inputs: [image], outputs: [floats("logits", [1, 3], [1, 2, 3])] }],
    ["a NaN", { inputs: [image], outputs: [floats("logits", [2, 3], [0, 1, 0, Number.NaN, 1, 2])] }],
  ])("are refused with %s", (_, vectors) => {
    expect(() => readGoldenVectors(writeGoldenVectors(vectors), manifest)).toThrow(
      expect.objectContaining({ code: "SRT_GOLDEN_INVALID" }),
    );
  });

  it("are refused when the file is not safetensors", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => readGoldenVectors(bytes, manifest)).toThrow(
          expect.objectContaining({ code: "SRT_GOLDEN_INVALID" }),
        );
      }),
    );
  });
});

describe("comparing with golden outputs", () => {
  it("passes what lies within tolerance and reports the largest error", () => {
    const result = compareGolden([logits], [floats("logits", [2, 3], [0, 1, 0, 5.0078125, 1, 2])], tolerance);
    expect(result).toEqual({ largestAbsoluteError: 0.0078125, topOneAgreement: 1, passed: true });
  });

  it("fails a value out of tolerance although every class agrees", () => {
    const result = compareGolden([logits], [floats("logits", [2, 3], [0, 1, 0, 6, 1, 2])], tolerance);
    expect(result).toEqual({ largestAbsoluteError: 1, topOneAgreement: 1, passed: false });
  });

  it("fails a class that changed although every value is within tolerance", () => {
    const loose = { ...tolerance, absoluteTolerance: 100 };
    const result = compareGolden([logits], [floats("logits", [2, 3], [0, 1, 9, 5, 1, 2])], loose);
    expect(result).toMatchObject({ topOneAgreement: 0.5, passed: false });
  });

  it("fails NaN and infinity with a number that travels as JSON", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const result = compareGolden([logits], [floats("logits", [2, 3], [0, 1, 0, bad, 1, 2])], tolerance);
      expect(result).toMatchObject({ largestAbsoluteError: Number.MAX_VALUE, passed: false });
    }
  });

  it("refuses an output that is missing or has another size", () => {
    expect(() => compareGolden([logits], [], tolerance)).toThrow(
      expect.objectContaining({ code: "SRT_GOLDEN_MISMATCH" }),
    );
    expect(() => compareGolden([logits], [floats("logits", [1, 3], [1, 2, 3])], tolerance)).toThrow();
  });
});

describe("half precision", () => {
  it.each([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x0001, 2 ** -24],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
  ])("0x%s is %d", (bits, value) => {
    expect(halfToNumber(bits)).toBe(value);
  });
});
