import { elementCount, type Tensor, type TensorElements, tensorFrom, viewElements } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { TensorType } from "@sartor/shared/protocol";

/**
 * Tensors as JSON, as in the Open Inference Protocol, "Tensor Data": nested lists that follow the shape, or one flat list in
 * row-major order. FP16 has no JSON form there.
 */
const INTEGER_RANGES: Partial<Record<TensorType, readonly [number, number]>> = {
  UINT8: [0, 0xff],
  INT8: [-0x80, 0x7f],
  UINT16: [0, 0xffff],
  INT16: [-0x8000, 0x7fff],
  UINT32: [0, 0xffff_ffff],
  INT32: [-0x8000_0000, 0x7fff_ffff],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

const ARRAYS: Partial<Record<TensorType, new (length: number) => TensorElements>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  INT8: Int8Array,
  UINT16: Uint16Array,
  INT16: Int16Array,
  UINT32: Uint32Array,
  INT32: Int32Array,
  UINT64: BigUint64Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

const LARGEST_FLOAT32 = 3.4028235677973366e38;

const refuse = (name: string, problem: string): SartorError =>
  new SartorError("SRT_TENSOR_INVALID", `The data of tensor ${JSON.stringify(name)} ${problem}.`);

/** Checks one JSON value and gives the number to store. */
function elementReader(name: string, dataType: TensorType): (value: unknown) => number {
  if (dataType === "BOOL") {
    return (value) => {
      if (value === true || value === 1) return 1;
      if (value === false || value === 0) return 0;
      throw refuse(name, "hold something that is neither true nor false");
    };
  }
  const range = INTEGER_RANGES[dataType];
  if (range === undefined) {
    const largest = dataType === "FP32" ? LARGEST_FLOAT32 : Number.MAX_VALUE;
    return (value) => {
      if (typeof value !== "number") throw refuse(name, "hold something that is not a number");
      if (Math.abs(value) > largest) throw refuse(name, `hold a number that ${dataType} cannot`);
      return value;
    };
  }
  const [lowest, highest] = range;
  return (value) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < lowest || value > highest) {
      throw refuse(name, `hold something that is no integer from ${lowest} to ${highest}`);
    }
    return value;
  };
}

/** Walks nested lists along the shape and hands every element on, in row-major order. */
function walk(
  name: string,
  value: unknown,
  shape: readonly number[],
  axis: number,
  take: (element: unknown) => void,
): void {
  if (axis === shape.length) {
    take(value);
    return;
  }
  if (!Array.isArray(value) || value.length !== shape[axis]) {
    throw refuse(name, `do not follow its shape [${shape}] at dimension ${axis}`);
  }
  for (const inner of value) walk(name, inner, shape, axis + 1, take);
}

/**
 * Reads a tensor's JSON data.
 * @throws SartorError SRT_TENSOR_INVALID when the data do not follow the shape, or a value does not fit the type.
 */
export function tensorFromJson(name: string, dataType: TensorType, shape: readonly number[], data: unknown): Tensor {
  const ArrayType = ARRAYS[dataType];
  if (ArrayType === undefined) throw refuse(name, `are ${dataType}, which JSON cannot carry; send it as binary data`);
  if (!Array.isArray(data)) throw refuse(name, "are not a list");
  const count = elementCount(shape);
  const flat = data.length === count && (shape.length === 1 || !Array.isArray(data[0]));
  if (!flat && !Array.isArray(data[0]))
    throw refuse(name, `are ${data.length} values; its shape [${shape}] has ${count}`);
  // Only now: a shape that promises more than the data hold must not take memory. Nested data are bounded by the body.
  if (!flat && count > 2 ** 27) throw refuse(name, "are too many");
  const read = elementReader(name, dataType);
  const big = dataType === "INT64" || dataType === "UINT64";
  const elements = new ArrayType(flat ? count : nestedCount(data, shape, count)) as {
    [index: number]: number | bigint;
  };
  let position = 0;
  const take = (value: unknown) => {
    const number = read(value);
    elements[position++] = big ? BigInt(number) : number;
  };
  if (flat) for (const value of data) take(value);
  else walk(name, data, shape, 0, take);
  return tensorFrom(name, dataType, shape, elements as unknown as TensorElements);
}

/** Elements to reserve for nested data: none when the outermost lists already contradict the shape. */
function nestedCount(data: readonly unknown[], shape: readonly number[], count: number): number {
  let value: unknown = data;
  for (const size of shape) {
    if (!Array.isArray(value) || value.length !== size) return 0;
    value = value[0];
  }
  return count;
}

/**
 * The text of a tensor's data as one flat JSON list; 64-bit integers keep all their digits.
 * @throws SartorError SRT_TENSOR_INVALID for FP16 and for NaN or infinities, which JSON cannot carry.
 */
export function tensorToJson(tensor: Tensor): string {
  const { name, dataType } = tensor;
  if (dataType === "FP16") throw refuse(name, "are FP16, which JSON cannot carry; ask for binary data");
  const elements = viewElements(tensor);
  if (dataType === "BOOL") return JSON.stringify(Array.from(elements as Uint8Array, (value) => value !== 0));
  const text = `[${(elements as Float32Array).join(",")}]`;
  if (/[NI]/.test(text)) throw refuse(name, "hold NaN or infinity, which JSON cannot carry; ask for binary data");
  return text;
}
