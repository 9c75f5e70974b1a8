import { type BitCoder, newModels } from "./bit-coder.js";
import { type Element, NUMBERINGS, type Numbering } from "./elements.js";

/** Contexts of an old value: see {@link contextOf}. */
const CONTEXTS = 1024;
/** Bits below the leading one that are modelled; the rest is noise and goes raw. */
const MODELLED_TAIL = 3;

type Integers = Int8Array | Int16Array | Int32Array;

/** What has been learnt about the differences of one element type. */
class ResidualModels {
  readonly zero = newModels(CONTEXTS * 2);
  readonly magnitude = newModels(CONTEXTS * 32);
  readonly sign = newModels(33 * 2);
  readonly tail = newModels(33 * 4 * 8);
}

/** What has been learnt about the numbers of one element type themselves. */
class PlainModels {
  readonly top = newModels(256);
  readonly sign = newModels(2);
  readonly zero = newModels(1);
  readonly mantissa = newModels(256 * 8);
}

/**
 * Codes numbers in either direction. A difference is coded as: is it zero, the length of its magnitude in bits (both in the old
 * value's context), its sign, three bits below the leading one, and the rest raw: Golomb's exponential code with learnt
 * probabilities, the group coding of the source named at {@link Numbering}.
 */
export class NumberCoder {
  private readonly coder: BitCoder;
  private readonly residuals = new Map<Element, ResidualModels>();
  private readonly plains = new Map<Element, PlainModels>();
  private readonly plainIntegers = new Map<Element, ResidualModels>();
  private readonly counts = { magnitude: newModels(8 * 64), tail: newModels(8 * 33 * 8) };

  constructor(coder: BitCoder) {
    this.coder = coder;
  }

  /** One of `2 ** bits` symbols. */
  symbol(models: Int32Array, at: number, bits: number, value: number): number {
    return tree(this.coder, models, at, bits, value);
  }

  /** An integer of 0 to 2^32 - 1; `kind` (0 to 7) says which such integers resemble each other. */
  count(kind: number, value: number): number {
    const { magnitude, tail } = this.counts;
    const length = tree(this.coder, magnitude, kind * 64, 6, 32 - Math.clz32(value));
    if (length > 32) return -1;
    if (length === 0) return 0;
    return withLeadingOne(this.coder, tail, (kind * 33 + length) * 8, length, value);
  }

  /** The numbers `from` to `to` of `values` as differences to those of `old`; what is decoded lands in `values`. */
  differences(element: Element, values: Integers, old: Integers, from: number, to: number): void {
    const coder = this.coder;
    const models = lazily(this.residuals, element, () => new ResidualModels());
    const numbering = NUMBERINGS[element];
    const isFloat = numbering.exponent > 0;
    const unused = 32 - 8 * numbering.width;
    const flip = 0x7fffffff >>> unused;
    const offset = element === "uint8" ? 128 : 0;
    let wasZero = 1;
    for (let i = from; i < to; i++) {
      const before = old[i] as number;
      const context = contextOf(before, numbering, offset);
      const base = isFloat && before < 0 ? before ^ flip : before;
      const now = values[i] as number;
      const difference = (((isFloat && now < 0 ? now ^ flip : now) - base) << unused) >> unused;
      wasZero = coder.bit(models.zero, context * 2 + wasZero, difference === 0 ? 1 : 0);
      if (wasZero === 1) {
        values[i] = before;
        continue;
      }
      const decoded = residual(coder, models, context, before < 0 ? 1 : 0, difference);
      const sum = ((base + decoded) << unused) >> unused;
      values[i] = isFloat && sum < 0 ? sum ^ flip : sum;
    }
  }

  /** The numbers `from` to `to` of `values` by themselves. */
  plain(element: Element, values: Integers, from: number, to: number): void {
    const { exponent, mantissa, width } = NUMBERINGS[element];
    const coder = this.coder;
    if (exponent === 0 && width > 1) {
      const models = lazily(this.plainIntegers, element, () => new ResidualModels());
      for (let i = from; i < to; i++) {
        const value = values[i] as number;
        const isZero = coder.bit(models.zero, 0, value === 0 ? 1 : 0);
        values[i] = isZero === 1 ? 0 : residual(coder, models, 0, 0, value);
      }
      return;
    }
    const models = lazily(this.plains, element, () => new PlainModels());
    if (width === 1) {
      for (let i = from; i < to; i++) values[i] = tree(coder, models.top, 0, 8, (values[i] as number) & 255);
      return;
    }
    const signAt = exponent + mantissa;
    const rawBits = mantissa - MODELLED_TAIL;
    const highRaw = Math.max(0, rawBits - 16);
    for (let i = from; i < to; i++) {
      const value = values[i] as number;
      const power = tree(coder, models.top, 0, exponent, (value >>> mantissa) & ((1 << exponent) - 1));
      const sign = coder.bit(models.sign, 0, (value >>> signAt) & 1);
      let rest = value & ((1 << mantissa) - 1);
      if (power !== 0 || coder.bit(models.zero, 0, rest === 0 ? 1 : 0) === 0) {
        const top = tree(coder, models.mantissa, power * 8, MODELLED_TAIL, rest >>> rawBits);
        const high = coder.raw(rest >>> 16, highRaw);
        const low = coder.raw(rest, rawBits - highRaw);
        rest = (top << rawBits) | (high << 16) | low;
      } else rest = 0;
      values[i] = (sign << signAt) | (power << mantissa) | rest;
    }
  }
}

/** Which of {@link CONTEXTS} an old value belongs to; its two lowest bits are a finer grade. */
function contextOf(value: number, numbering: Numbering, offset: number): number {
  if (numbering.exponent === 0) {
    const centred = offset === 0 ? value : (value & 255) - offset;
    return (32 - Math.clz32(centred < 0 ? -centred : centred)) * 4;
  }
  return (value >>> (numbering.mantissa - 2)) & ((4 << numbering.exponent) - 1);
}

/** A difference that is not zero. */
function residual(coder: BitCoder, models: ResidualModels, context: number, oldSign: number, value: number): number {
  const magnitude = value < 0 ? -value >>> 0 : value;
  const length = tree(coder, models.magnitude, context * 32, 5, 31 - Math.clz32(magnitude)) + 1;
  const negative = coder.bit(models.sign, length * 2 + oldSign, value < 0 ? 1 : 0);
  const decoded = withLeadingOne(coder, models.tail, (length * 4 + (context & 3)) * 8, length, magnitude);
  return negative === 1 ? -decoded | 0 : decoded | 0;
}

/** A positive integer whose length in bits (1 to 32) is known. */
function withLeadingOne(coder: BitCoder, models: Int32Array, at: number, length: number, value: number): number {
  const modelled = length > MODELLED_TAIL ? MODELLED_TAIL : length - 1;
  const rawBits = length - 1 - modelled;
  let result = (1 << modelled) | tree(coder, models, at, modelled, (value >>> rawBits) & ((1 << modelled) - 1));
  if (rawBits > 16) {
    result = ((result << (rawBits - 16)) | coder.raw((value >>> 16) & 0xffff, rawBits - 16)) >>> 0;
    return ((result << 16) | coder.raw(value & 0xffff, 16)) >>> 0;
  }
  return ((result << rawBits) | coder.raw(value & 0xffff, rawBits)) >>> 0;
}

/** A symbol of `bits` bits, the highest first, each under the model of what went before. Takes `2 ** bits` models from `at` on. */
function tree(coder: BitCoder, models: Int32Array, at: number, bits: number, value: number): number {
  let node = 1;
  for (let shift = bits - 1; shift >= 0; shift--) {
    node = (node << 1) | coder.bit(models, at + node, (value >>> shift) & 1);
  }
  return node - (1 << bits);
}

function lazily<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
