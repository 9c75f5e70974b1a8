/** Largest finite float16. */
export const LARGEST_HALF = 65_504;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** float32 to the bits of float16 (IEEE 754 binary16), rounding half to even; what is too large becomes infinite. */
export function toHalf(value: number): number {
  float[0] = value;
  const from = bits[0] ?? 0;
  const sign = (from >>> 16) & 0x8000;
  const magnitude = from & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x477f_f000) return sign | 0x7c00; // rounds to 65,536 or more
  if (magnitude < 0x3880_0000) {
    // Below 2^-14 float16 is subnormal: a multiple of 2^-24.
    const scaled = Math.abs(float[0]) * 2 ** 24;
    return sign | roundHalfToEven(scaled);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x3800_0000) >>> 13);
}

/** The bits of float16 to a number. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of bfloat16 to a number. */
export function fromBrainHalf(half: number): number {
  bits[0] = half << 16;
  return float[0] ?? 0;
}

/** Rounds to the nearest whole number, ties to the even one, as IEEE 754 and NumPy's `rint` do. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest < 0.5) return below;
  if (rest > 0.5) return below + 1;
  return below % 2 === 0 ? below : below + 1;
}
