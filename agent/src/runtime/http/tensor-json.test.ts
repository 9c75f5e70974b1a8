import { elementCount, type Tensor, viewElements } from "@sartor/shared/domain/tensor";
import type { TensorType } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tensorFromJson, tensorToJson } from "./tensor-json.js";

const ELEMENTS: Record<string, fc.Arbitrary<number | boolean>> = {
  BOOL: fc.boolean(),
  UINT8: fc.integer({ min: 0, max: 255 }),
  INT8: fc.integer({ min: -128, max: 127 }),
  UINT16: fc.integer({ min: 0, max: 65_535 }),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  UINT32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  INT32: fc.integer(),
  UINT64: fc.maxSafeNat(),
  INT64: fc.maxSafeInteger(),
  FP32: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  FP64: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
};

const tensor = fc.constantFrom(...(Object.keys(ELEMENTS) as TensorType[])).chain((dataType) =>
  fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }).chain((shape) => {
    const count = elementCount(shape);
    const values = fc.array(ELEMENTS[dataType] as fc.Arbitrary<number | boolean>, {
      minLength: count,
      maxLength: count,
    });
    return values.map((flat) => ({ dataType, shape, flat }));
  }),
);

/** Folds a flat list along a shape. */
function nest(flat: readonly unknown[], shape: readonly number[]): unknown {
  const [first, ...rest] = shape;
  if (first === undefined) return flat[0];
  const size = flat.length / first;
  return Array.from({ length: first }, (_, index) => nest(flat.slice(index * size, (index + 1) * size), rest));
}

describe("tensors as JSON", () => {
  it("come back as they were, flat or nested, whatever the type", () => {
    fc.assert(
      fc.property(tensor, ({ dataType, shape, flat }) => {
        // JSON has no -0; what was sent is compared as JSON gives it.
        const sent = JSON.parse(JSON.stringify(flat));
        const read = tensorFromJson("x", dataType, shape, sent);
        expect(read).toMatchObject({ name: "x", dataType, shape });
        expect(JSON.parse(tensorToJson(read))).toEqual(sent);
        expect(tensorFromJson("x", dataType, shape, nest(sent, shape)).data).toEqual(read.data);
      }),
    );
  });

  it("are refused with a code of their own, whatever stands in their place", () => {
    fc.assert(
      fc.property(tensor, fc.jsonValue(), ({ dataType, shape }, data) => {
        try {
          expect(tensorFromJson("x", dataType, shape, data).shape).toEqual(shape);
        } catch (error) {
          expect(error).toMatchObject({ code: "SRT_TENSOR_INVALID" });
        }
      }),
    );
  });

  it("keep every digit of a 64-bit integer", () => {
    const data = new Uint8Array(BigInt64Array.of(2n ** 62n + 1n).buffer);
    expect(tensorToJson({ name: "x", dataType: "INT64", shape: [1], data })).toBe("[4611686018427387905]");
  });

  it.each([
    ["NaN", "FP32", new Float32Array([Number.NaN])],
    ["infinity", "FP64", new Float64Array([Number.NEGATIVE_INFINITY])],
    ["half precision", "FP16", new Uint16Array([0])],
  ] as const)("do not hide %s: the client is told to ask for binary data", (_, dataType, values) => {
    const tensor: Tensor = { name: "x", dataType, shape: [1], data: new Uint8Array(values.buffer) };
    expect(() => tensorToJson(tensor)).toThrow(/binary/);
  });

  it("take no memory for a shape that the data do not fill", () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(() => tensorFromJson("x", "FP64", [2 ** 26], [1])).toThrow(/1 values/);
    expect(() => tensorFromJson("x", "FP64", [2 ** 13, 2 ** 13], [[1]])).toThrow(/dimension 0/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  it("hold the largest float32 and refuse the next", () => {
    const read = tensorFromJson("x", "FP32", [1], [3.4028234663852886e38]);
    expect(viewElements(read)[0]).toBe(3.4028234663852886e38);
    expect(() => tensorFromJson("x", "FP32", [1], [3.5e38])).toThrow(/FP32 cannot/);
  });
});
