import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { TensorProto_DataLocation, TensorProtoSchema } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { ELEMENT, type TensorArray } from "./element-type.js";
import { toHalf } from "./half.js";
import { makeTensor, readFloats, readTensor } from "./tensor-data.js";

const nibble = (low: number, high: number) => fc.array(fc.integer({ min: low, max: high }), { maxLength: 33 });

const kinds: [string, number, fc.Arbitrary<TensorArray>][] = [
  ["float", ELEMENT.float, fc.float32Array({ noNaN: true })],
  ["double", ELEMENT.double, fc.float64Array({ noNaN: true })],
  ["int8", ELEMENT.int8, fc.int8Array()],
  ["uint8", ELEMENT.uint8, fc.uint8Array()],
  ["int16", ELEMENT.int16, fc.int16Array()],
  ["float16", ELEMENT.float16, fc.uint16Array()],
  ["int32", ELEMENT.int32, fc.int32Array()],
  ["uint32", ELEMENT.uint32, fc.uint32Array()],
  ["int64", ELEMENT.int64, fc.bigInt64Array()],
  ["int4", ELEMENT.int4, nibble(-8, 7).map((values) => Int8Array.from(values))],
  ["uint4", ELEMENT.uint4, nibble(0, 15).map((values) => Uint8Array.from(values))],
];

describe("tensors", () => {
  it.each(kinds)("of %s come back as they were written", (_, type, values) => {
    fc.assert(
      fc.property(values, (data) => {
        const back = readTensor(makeTensor("t", type, [data.length], data));
        expect(Array.from(back as ArrayLike<number | bigint>)).toEqual(Array.from(data as ArrayLike<number | bigint>));
      }),
    );
  });

  it("are read from the typed fields of the format, too", () => {
    const tensor = (fields: object) => create(TensorProtoSchema, { name: "t", dims: [2n], ...fields });
    const one = toHalf(1);
    expect(readTensor(tensor({ dataType: ELEMENT.float, floatData: [1.5, -2] }))).toEqual(Float32Array.of(1.5, -2));
    expect(readTensor(tensor({ dataType: ELEMENT.int8, int32Data: [-3, 4] }))).toEqual(Int8Array.of(-3, 4));
    expect(readTensor(tensor({ dataType: ELEMENT.int64, int64Data: [-3n, 4n] }))).toEqual(BigInt64Array.of(-3n, 4n));
    expect(readTensor(tensor({ dataType: ELEMENT.int4, int32Data: [0x9f] }))).toEqual(Int8Array.of(-1, -7));
    expect(readFloats(tensor({ dataType: ELEMENT.float16, int32Data: [one, one] }))).toEqual(Float32Array.of(1, 1));
    expect(readFloats(tensor({ dataType: ELEMENT.double, doubleData: [0.5, 2] }))).toEqual(Float32Array.of(0.5, 2));
  });

  it("never alias the file: writing into what was read leaves the model alone", () => {
    const tensor = makeTensor("t", ELEMENT.float, [2], Float32Array.of(1, 2));
    readFloats(tensor).fill(9);
    expect(readFloats(tensor)).toEqual(Float32Array.of(1, 2));
  });

  it("are refused where their data is missing, too short or elsewhere", () => {
    const notOnnx = expect.objectContaining({ code: "SRT_MODEL_NOT_ONNX" });
    const unsupported = expect.objectContaining({ code: "SRT_MODEL_UNSUPPORTED" });
    const tensor = (fields: object) => create(TensorProtoSchema, { name: "t", dims: [3n], dataType: 1, ...fields });
    expect(() => readTensor(tensor({}))).toThrow(notOnnx);
    expect(() => readTensor(tensor({ rawData: new Uint8Array(11) }))).toThrow(notOnnx);
    expect(() => readTensor(tensor({ floatData: [1, 2] }))).toThrow(notOnnx);
    expect(() => readTensor(tensor({ dataLocation: TensorProto_DataLocation.EXTERNAL }))).toThrow(unsupported);
    expect(() => readTensor(tensor({ dataType: ELEMENT.string, rawData: new Uint8Array(3) }))).toThrow(unsupported);
  });
});
