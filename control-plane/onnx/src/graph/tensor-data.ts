import { endianness } from "node:os";
import { create } from "@bufbuild/protobuf";
import { SartorError } from "@sartor/shared/errors";
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from "onnx-buf";
import { ELEMENT, type TensorArray } from "./element-type.js";
import { fromBrainHalf, fromHalf } from "./half.js";

type TensorArrayConstructor = new (buffer: ArrayBuffer) => TensorArray;

const RAW: Readonly<Record<number, TensorArrayConstructor>> = {
  [ELEMENT.float]: Float32Array,
  [ELEMENT.double]: Float64Array,
  [ELEMENT.int8]: Int8Array,
  [ELEMENT.uint8]: Uint8Array,
  [ELEMENT.bool]: Uint8Array,
  [ELEMENT.int16]: Int16Array,
  [ELEMENT.uint16]: Uint16Array,
  [ELEMENT.float16]: Uint16Array,
  [ELEMENT.bfloat16]: Uint16Array,
  [ELEMENT.int32]: Int32Array,
  [ELEMENT.uint32]: Uint32Array,
  [ELEMENT.int64]: BigInt64Array,
  [ELEMENT.uint64]: BigUint64Array,
};

/** Dimensions of a tensor as numbers. */
export function shapeOf(tensor: TensorProto): number[] {
  return tensor.dims.map(Number);
}

/** Number of elements of a shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Elements of a tensor, a copy, from `raw_data` (little endian) or from the typed field that onnx.proto3 names for its type.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED: external data or an element type that is not numeric;
 *   SRT_MODEL_NOT_ONNX: fewer or more elements than the dimensions say
 */
export function readTensor(tensor: TensorProto): TensorArray {
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    throw new SartorError("SRT_MODEL_UNSUPPORTED", `Tensor ${tensor.name} lies in another file; export one file.`);
  }
  const count = elementsOf(shapeOf(tensor));
  const elements = tensor.rawData.byteLength > 0 ? readRaw(tensor, count) : readTyped(tensor, count);
  if (elements.length !== count) {
    const problem = `Tensor ${tensor.name} holds ${elements.length} elements where its shape needs ${count}.`;
    throw new SartorError("SRT_MODEL_NOT_ONNX", problem);
  }
  return elements;
}

/** Elements of a float, double, float16 or bfloat16 tensor as float32. Throws as {@link readTensor}. */
export function readFloats(tensor: TensorProto): Float32Array {
  const elements = readTensor(tensor);
  if (elements instanceof Float32Array) return elements;
  if (tensor.dataType === ELEMENT.float16) return Float32Array.from(elements as Uint16Array, fromHalf);
  if (tensor.dataType === ELEMENT.bfloat16) return Float32Array.from(elements as Uint16Array, fromBrainHalf);
  if (elements instanceof Float64Array) return Float32Array.from(elements);
  throw new SartorError("SRT_MODEL_UNSUPPORTED", `Tensor ${tensor.name} is not of a floating-point type.`);
}

/** Elements of an integer tensor as numbers. Throws as {@link readTensor}. */
export function readIntegers(tensor: TensorProto): number[] {
  return Array.from(readTensor(tensor) as ArrayLike<number | bigint>, Number);
}

/** Makes a tensor; its data goes to `raw_data`, little endian. int4 and uint4 take one value an element and are packed. */
export function makeTensor(name: string, dataType: number, shape: readonly number[], data: TensorArray): TensorProto {
  const count = elementsOf(shape);
  if (data.length !== count) throw new RangeError(`${name}: ${data.length} elements for a shape of ${count}`);
  const packed = dataType === ELEMENT.int4 || dataType === ELEMENT.uint4 ? packNibbles(data as Uint8Array) : data;
  const rawData = new Uint8Array(packed.byteLength);
  rawData.set(new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength));
  swapOnBigEndian(rawData, packed.BYTES_PER_ELEMENT);
  return create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData });
}

/** Two values a byte, the first in the low half (onnx.proto3, "int4 packed"). */
function packNibbles(values: Int8Array | Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  for (let index = 0; index < values.length; index++) {
    packed[index >> 1] = (packed[index >> 1] ?? 0) | (((values[index] ?? 0) & 0xf) << (index % 2 === 0 ? 0 : 4));
  }
  return packed;
}

function unpackNibbles(packed: Uint8Array, count: number, signed: boolean): TensorArray {
  const values = signed ? new Int8Array(count) : new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const nibble = ((packed[index >> 1] ?? 0) >> (index % 2 === 0 ? 0 : 4)) & 0xf;
    values[index] = signed && nibble > 7 ? nibble - 16 : nibble;
  }
  return values;
}

function readRaw(tensor: TensorProto, count: number): TensorArray {
  const bytes = tensor.rawData.slice();
  if (tensor.dataType === ELEMENT.int4 || tensor.dataType === ELEMENT.uint4) {
    return bytes.byteLength === Math.ceil(count / 2)
      ? unpackNibbles(bytes, count, tensor.dataType === ELEMENT.int4)
      : bytes;
  }
  const type = RAW[tensor.dataType];
  if (type === undefined) throw notNumeric(tensor);
  const size = (type as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  if (bytes.byteLength !== count * size) {
    const problem = `Tensor ${tensor.name} has ${bytes.byteLength} bytes where its shape needs ${count * size}.`;
    throw new SartorError("SRT_MODEL_NOT_ONNX", problem);
  }
  swapOnBigEndian(bytes, size);
  return new type(bytes.buffer);
}

function readTyped(tensor: TensorProto, count: number): TensorArray {
  switch (tensor.dataType) {
    case ELEMENT.float:
      return Float32Array.from(tensor.floatData);
    case ELEMENT.double:
      return Float64Array.from(tensor.doubleData);
    case ELEMENT.int64:
      return BigInt64Array.from(tensor.int64Data);
    case ELEMENT.uint64:
      return BigUint64Array.from(tensor.uint64Data);
    case ELEMENT.uint32:
      return Uint32Array.from(tensor.uint64Data, Number);
    case ELEMENT.int32:
      return Int32Array.from(tensor.int32Data);
    case ELEMENT.int16:
      return Int16Array.from(tensor.int32Data);
    case ELEMENT.uint16:
    case ELEMENT.float16:
    case ELEMENT.bfloat16:
      return Uint16Array.from(tensor.int32Data);
    case ELEMENT.int8:
      return Int8Array.from(tensor.int32Data);
    case ELEMENT.uint8:
    case ELEMENT.bool:
      return Uint8Array.from(tensor.int32Data);
    case ELEMENT.int4:
    case ELEMENT.uint4:
      return unpackNibbles(Uint8Array.from(tensor.int32Data), count, tensor.dataType === ELEMENT.int4);
    default:
      throw notNumeric(tensor);
  }
}

function notNumeric(tensor: TensorProto): SartorError {
  const problem = `Tensor ${tensor.name} has the element type ${tensor.dataType}, which cannot be computed with.`;
  return new SartorError("SRT_MODEL_UNSUPPORTED", problem);
}

function swapOnBigEndian(bytes: Uint8Array, size: number): void {
  if (endianness() === "LE" || size === 1) return;
  for (let at = 0; at < bytes.byteLength; at += size) bytes.subarray(at, at + size).reverse();
}
