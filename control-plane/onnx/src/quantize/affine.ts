import { ELEMENT, roundHalfToEven, type TensorArray } from "../graph/index.js";

/** Least and greatest integer of a quantized type. */
export interface IntegerRange {
  readonly minimum: number;
  readonly maximum: number;
}

/** Least and greatest value that a tensor takes, float32. */
export interface ValueRange {
  readonly minimum: number;
  readonly maximum: number;
}

/** value = scale (integer - zeroPoint). */
export interface AffineParameters {
  /** A float32. */
  readonly scale: number;
  readonly zeroPoint: number;
}

export type ByteType = typeof ELEMENT.uint8 | typeof ELEMENT.int8;

/** Smallest normal float32: a scale below it becomes 1. */
export const SMALLEST_NORMAL = 2 ** -126;

/** All integers of a type: what values are clipped to. */
export function fullRange(type: ByteType): IntegerRange {
  return type === ELEMENT.uint8 ? { minimum: 0, maximum: 255 } : { minimum: -128, maximum: 127 };
}

/** Integers that a scale is spread over; symmetric int8 leaves -128 out, reduced int8 keeps to seven bits. */
export function integerRange(type: ByteType, symmetric: boolean, reduced = false): IntegerRange {
  if (reduced) return type === ELEMENT.uint8 ? { minimum: 0, maximum: 127 } : { minimum: -64, maximum: 64 };
  return type === ELEMENT.int8 && symmetric ? { minimum: -127, maximum: 127 } : fullRange(type);
}

/**
 * Scale and zero point of a range, bit for bit as onnxruntime.quantization 1.30 computes them (`compute_scale_zp`): the range widens to
 * include 0, its width is a float32, the scale is computed in float64 and rounded to float32, the zero point from the unrounded scale.
 */
export function affineOf(range: ValueRange, integers: IntegerRange, symmetric: boolean): AffineParameters {
  let minimum = Math.min(Math.fround(range.minimum), 0);
  let maximum = Math.max(Math.fround(range.maximum), 0);
  if (symmetric) {
    maximum = Math.max(Math.abs(minimum), Math.abs(maximum));
    minimum = -maximum;
  }
  const scale = Math.fround(maximum - minimum) / (integers.maximum - integers.minimum);
  if (scale < SMALLEST_NORMAL) return { scale: 1, zeroPoint: 0 };
  const zeroPoint = symmetric
    ? roundHalfToEven((integers.minimum + integers.maximum) / 2)
    : roundHalfToEven(integers.minimum - minimum / scale);
  return { scale: Math.fround(scale), zeroPoint: zeroPoint + 0 };
}

/** One value as an integer: divided in float32, rounded half to even, clipped to all integers of the type. */
export function quantizeValue(value: number, { scale, zeroPoint }: AffineParameters, full: IntegerRange): number {
  const quantized = roundHalfToEven(Math.fround(value / scale)) + zeroPoint;
  return Math.min(full.maximum, Math.max(full.minimum, quantized)) + 0;
}

/** The values that integers stand for. */
export function dequantizeValue(quantized: number, { scale, zeroPoint }: AffineParameters): number {
  return Math.fround((quantized - zeroPoint) * scale);
}

/** Values of one tensor as integers of a type. */
export function quantizeValues(values: Float32Array, parameters: AffineParameters, type: ByteType): TensorArray {
  const full = fullRange(type);
  const out = type === ELEMENT.uint8 ? new Uint8Array(values.length) : new Int8Array(values.length);
  for (let index = 0; index < values.length; index++) {
    out[index] = quantizeValue(values[index] ?? 0, parameters, full);
  }
  return out;
}
