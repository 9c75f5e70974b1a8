import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SartorError } from "../../errors/index.js";
import { TENSOR_TYPES } from "../../protocol/index.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { ELEMENT_BYTES, elementCount, type Tensor, tensorFrom } from "./tensor.js";

const tensor: fc.Arbitrary<Tensor> = fc
  .record({
    name: fc.string({ maxLength: 20 }).filter((name) => name !== "__metadata__"),
    dataType: fc.constantFrom(...TENSOR_TYPES),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
  })
  .chain(({ name, dataType, shape }) => {
    const bytes = elementCount(shape) * ELEMENT_BYTES[dataType];
    return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data) => ({ name, dataType, shape, data }));
  });
const tensors = fc.uniqueArray(tensor, { maxLength: 6, selector: ({ name }) => name });

/** Builds a file from a header text and data, without any care. */
function file(header: string, data = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const refusal = (bytes: Uint8Array): unknown => {
  try {
    return readSafetensors(bytes);
  } catch (error) {
    return error;
  }
};

describe("safetensors", () => {
  it("gives back what was written, whatever the types and shapes", () => {
    fc.assert(
      fc.property(tensors, (written) => {
        const read = readSafetensors(writeSafetensors(written, { made: "here" }));
        expect(read.metadata).toEqual({ made: "here" });
        const byName = (list: readonly Tensor[]) =>
          new Map(list.map((one) => [one.name, { ...one, data: [...one.data] }]));
        expect(byName(read.tensors)).toEqual(byName(written));
      }),
    );
  });

  it("aligns every tensor for its type", () => {
    fc.assert(
      fc.property(tensors, (written) => {
        for (const { data, dataType } of readSafetensors(writeSafetensors(written)).tensors) {
          expect(data.byteOffset % ELEMENT_BYTES[dataType]).toBe(0);
        }
      }),
    );
  });

  it("answers damaged bytes with an error of its own, never another", () => {
    const whole = writeSafetensors([tensorFrom("a", "FP32", [2, 2], new Float32Array([1, 2, 3, 4]))]);
    fc.assert(
      fc.property(fc.nat(whole.length), fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255))), (length, edits) => {
        const bytes = whole.slice(0, length);
        for (const [at, value] of edits) if (at < length) bytes[at] = value;
        const outcome = refusal(bytes);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(SartorError);
          expect((outcome as SartorError).code).toBe("SRT_TENSOR_INVALID");
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(refusal(bytes)).toBeInstanceOf(SartorError);
      }),
    );
  });

  it.each([
    [
      "an overlap",
      '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
    ],
    [
      "a hole",
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
    ],
    ["trailing bytes", '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}'],
    ["offsets past the end", '{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}'],
    ["a shape that does not fit", '{"a":{"dtype":"U8","shape":[2,3],"data_offsets":[0,4]}}'],
    ["a product past 2^53", '{"a":{"dtype":"U8","shape":[9007199254740991,9007199254740991],"data_offsets":[0,4]}}'],
    ["a negative size", '{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}'],
    ["an unknown type", '{"a":{"dtype":"toString","shape":[4],"data_offsets":[0,4]}}'],
    ["metadata that are not text", '{"__metadata__":{"a":1},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'],
    ["a list as header", "[1]"],
  ])("refuses %s", (_, header) => {
    expect(refusal(file(header, new Uint8Array(4)))).toBeInstanceOf(SartorError);
  });

  it("refuses a header that claims more than the limit before it reads it", () => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n, true);
    expect(refusal(bytes)).toMatchObject({ message: expect.stringContaining("header is larger") });
  });

  it("refuses to write a name twice", () => {
    const one = tensorFrom("a", "UINT8", [1], new Uint8Array(1));
    expect(() => writeSafetensors([one, one])).toThrow(SartorError);
  });
});
