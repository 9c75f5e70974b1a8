/** What a stretch is made of. `bytes` is anything that is not a row of numbers; 64-bit numbers count as bytes. */
export const ELEMENTS = ["bytes", "int8", "uint8", "int16", "float16", "bfloat16", "int32", "float32"] as const;
export type Element = (typeof ELEMENTS)[number];

/** Bytes of one element. */
export const ELEMENT_WIDTH: Readonly<Record<Element, 1 | 2 | 4>> = {
  bytes: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  float32: 4,
};

/**
 * How the bit patterns of an element become integers whose order is that of the numbers, so that a small step of the number is a
 * small difference of integers (P. Lindstrom and M. Isenburg, "Fast and efficient compression of floating-point data", 2006),
 * and which of 1024 contexts an old value stands for: for floats the exponent and two bits of the mantissa, which say how many
 * units in the last place a relative change is; for integers the magnitude.
 */
export interface Numbering {
  readonly width: 1 | 2 | 4;
  /** Bits of the exponent and of the mantissa; 0 exponent bits for integers. */
  readonly exponent: number;
  readonly mantissa: number;
}

export const NUMBERINGS: Readonly<Record<Element, Numbering>> = {
  bytes: { width: 1, exponent: 0, mantissa: 8 },
  int8: { width: 1, exponent: 0, mantissa: 8 },
  uint8: { width: 1, exponent: 0, mantissa: 8 },
  int16: { width: 2, exponent: 0, mantissa: 16 },
  float16: { width: 2, exponent: 5, mantissa: 10 },
  bfloat16: { width: 2, exponent: 8, mantissa: 7 },
  int32: { width: 4, exponent: 0, mantissa: 32 },
  float32: { width: 4, exponent: 8, mantissa: 23 },
};

/**
 * A view of the bytes as signed integers of the element's width. Bytes that do not lie at a multiple of the width are copied.
 * Little-endian, as ONNX, safetensors and every machine that Sartor runs on are.
 */
export function asIntegers(bytes: Uint8Array, element: Element): Int8Array | Int16Array | Int32Array {
  const width = ELEMENT_WIDTH[element];
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const count = Math.floor(bytes.length / width);
  if (width === 4) return new Int32Array(aligned.buffer, aligned.byteOffset, count);
  if (width === 2) return new Int16Array(aligned.buffer, aligned.byteOffset, count);
  return new Int8Array(aligned.buffer, aligned.byteOffset, count);
}
