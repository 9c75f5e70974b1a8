import type { TensorType } from "../../protocol/index.js";

/** A tensor in memory: little-endian, row-major, without padding. `data` may alias a larger buffer and need not be aligned. */
export interface Tensor {
  readonly name: string;
  readonly dataType: TensorType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Bytes of one element, by the Open Inference Protocol's type names. */
export const ELEMENT_BYTES: Readonly<Record<TensorType, number>> = {
  BOOL: 1,
  UINT8: 1,
  INT8: 1,
  UINT16: 2,
  INT16: 2,
  FP16: 2,
  UINT32: 4,
  INT32: 4,
  FP32: 4,
  UINT64: 8,
  INT64: 8,
  FP64: 8,
};

/** Number of elements of a shape (1 for a scalar). Infinity or an unsafe number comes back as it is: callers compare it with a limit. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) count *= dimension;
  return count;
}

/** True when `shape` fits `spec`, in which -1 stands for any dimension of at least 1. */
export function shapeFits(shape: readonly number[], spec: readonly number[]): boolean {
  return (
    shape.length === spec.length &&
    spec.every((want, axis) => (want === -1 ? (shape[axis] ?? 0) >= 1 : shape[axis] === want))
  );
}

/** The array types that hold a tensor's elements; FP16 stays raw bits. */
export type TensorElements =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

const ARRAY_TYPES = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  INT8: Int8Array,
  UINT16: Uint16Array,
  INT16: Int16Array,
  FP16: Uint16Array,
  UINT32: Uint32Array,
  INT32: Int32Array,
  FP32: Float32Array,
  UINT64: BigUint64Array,
  INT64: BigInt64Array,
  FP64: Float64Array,
} as const;

/** Which typed array holds elements of a type. */
export type ElementsOf<T extends TensorType> = InstanceType<(typeof ARRAY_TYPES)[T]>;

/** The tensor's elements: a view where the alignment allows it, otherwise a copy. FP16 comes as raw bits. */
export function viewElements<T extends TensorType>(tensor: Tensor & { readonly dataType: T }): ElementsOf<T> {
  const { data, dataType } = tensor;
  const size = ELEMENT_BYTES[dataType];
  const aligned = data.byteOffset % size === 0 ? data : new Uint8Array(data);
  const ArrayType = ARRAY_TYPES[dataType] as unknown as new (
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ) => ElementsOf<T>;
  return new ArrayType(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / size));
}

/** An IEEE 754 binary16 value from its bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The tensor's elements as float64; 64-bit integers beyond 2^53 are rounded. */
export function toNumbers(tensor: Tensor): Float64Array {
  const elements = viewElements(tensor);
  if (tensor.dataType === "FP16") return Float64Array.from(elements as Uint16Array, halfToNumber);
  return Float64Array.from(elements as Iterable<number | bigint>, Number);
}

/** A tensor whose data are the bytes of a typed array (a view, no copy). */
export function tensorFrom(
  name: string,
  dataType: TensorType,
  shape: readonly number[],
  elements: TensorElements,
): Tensor {
  return {
    name,
    dataType,
    shape,
    data: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength),
  };
}
