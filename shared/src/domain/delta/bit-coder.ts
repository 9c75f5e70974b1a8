import { invalidDelta } from "./invalid-delta.js";

/**
 * One binary decision after another, each coded at the cost that its model expects, and raw bits beside them. What is coded is
 * described once, against this interface, so that the two directions cannot drift apart: the encoder takes the value and
 * returns it, the decoder ignores the value and returns what stands in the stream.
 */
export interface BitCoder {
  /** One decision under the model at `index`, which learns from it. */
  bit(models: Int32Array, index: number, bit: number): number;
  /** The lowest `count` (0 to 16) bits of `value`, as they are: for noise that no model can shorten. */
  raw(value: number, count: number): number;
}

/**
 * A model is a probability of a one (22 bits) above the count of what it has seen (10 bits). It moves by 1/(n + 1.5) of its
 * error, so that it is the plain average at first and forgets later (M. Mahoney, "Adaptive weighing of context models for
 * lossless data compression", 2005, describes such a state). Integers only: every machine computes the same.
 */
export function newModels(count: number): Int32Array {
  return new Int32Array(count).fill(0x80000000 | 0);
}

const COUNT_LIMIT = 400;
const RATES = Int32Array.from({ length: COUNT_LIMIT + 1 }, (_, seen) => Math.floor(65536 / (2 * seen + 3)));

/**
 * The range coder of G. N. N. Martin (1979) in 31 bits, so that every number stays a small integer of the engine. `range` is at
 * least 2^23 before each decision; a carry runs back into the bytes that are held.
 */
const TOP = 0x80000000;
const BOTTOM = 1 << 23;

function learn(models: Int32Array, index: number, state: number, bit: number): void {
  const seen = state & 1023;
  const p = state >>> 10;
  const rate = RATES[seen] as number;
  const next = bit === 1 ? p + ((((0x3fffff - p) >> 6) * rate) >> 9) : p - (((p >> 6) * rate) >> 9);
  models[index] = (next << 10) | (seen < COUNT_LIMIT ? seen + 1 : seen);
}

/** Writes decisions; {@link finish} gives the two streams. */
export class BitEncoder implements BitCoder {
  private readonly coded = new ByteSink();
  private readonly rawBits = new ByteSink();
  private low = 0;
  private range = 0x7fffffff;
  private held = -1;
  private pending = 0;
  private accumulator = 0;
  private filled = 0;

  bit(models: Int32Array, index: number, bit: number): number {
    const state = models[index] as number;
    const bound = Math.imul(this.range >>> 15, (state >>> 17) | 1);
    if (bit === 1) this.range = bound;
    else {
      this.low += bound;
      this.range -= bound;
    }
    learn(models, index, state, bit);
    while (this.range < BOTTOM) {
      this.range <<= 8;
      this.shift();
    }
    return bit;
  }

  raw(value: number, count: number): number {
    this.accumulator |= (value & ((1 << count) - 1)) << this.filled;
    this.filled += count;
    while (this.filled >= 8) {
      this.rawBits.push(this.accumulator & 255);
      this.accumulator >>>= 8;
      this.filled -= 8;
    }
    return value;
  }

  /** Bytes that {@link finish} would give now. */
  get size(): number {
    return this.coded.length + this.pending + 5 + this.rawBits.length + 1;
  }

  finish(): { coded: Uint8Array; raw: Uint8Array } {
    for (let i = 0; i < 5; i++) this.shift();
    if (this.filled > 0) this.rawBits.push(this.accumulator & 255);
    return { coded: this.coded.bytes(), raw: this.rawBits.bytes() };
  }

  private shift(): void {
    if (this.low < 0x7f800000 || this.low >= TOP) {
      const carry = this.low >= TOP ? 1 : 0;
      // The very first byte is always 0, for nothing can carry into it, and is not written.
      if (this.held >= 0) this.coded.push((this.held + carry) & 255);
      for (; this.pending > 0; this.pending--) this.coded.push((255 + carry) & 255);
      this.held = Math.floor(this.low / BOTTOM) & 255;
    } else this.pending++;
    this.low = (this.low % BOTTOM) * 256;
  }
}

/** Reads what {@link BitEncoder} wrote. A stream that ends early is refused, whatever its bits are. */
export class BitDecoder implements BitCoder {
  private readonly coded: Uint8Array;
  private readonly rawBits: Uint8Array;
  private position = 0;
  private rawPosition = 0;
  private range = 0x7fffffff;
  private code = 0;
  private last = 0;
  private accumulator = 0;
  private filled = 0;

  constructor(coded: Uint8Array, raw: Uint8Array) {
    this.coded = coded;
    this.rawBits = raw;
    for (let i = 0; i < 4; i++) this.shift();
  }

  bit(models: Int32Array, index: number): number {
    const state = models[index] as number;
    const bound = Math.imul(this.range >>> 15, (state >>> 17) | 1);
    let bit = 1;
    if (this.code < bound) this.range = bound;
    else {
      bit = 0;
      this.code -= bound;
      this.range -= bound;
    }
    learn(models, index, state, bit);
    while (this.range < BOTTOM) {
      this.range <<= 8;
      this.shift();
    }
    return bit;
  }

  raw(_value: number, count: number): number {
    while (this.filled < count) {
      if (this.rawPosition >= this.rawBits.length) throw invalidDelta("a piece ends in the middle of a number");
      this.accumulator |= (this.rawBits[this.rawPosition++] as number) << this.filled;
      this.filled += 8;
    }
    const value = this.accumulator & ((1 << count) - 1);
    this.accumulator >>>= count;
    this.filled -= count;
    return value;
  }

  private shift(): void {
    if (this.position >= this.coded.length) throw invalidDelta("a piece ends in the middle of a decision");
    const next = this.coded[this.position++] as number;
    // 31 bits: a byte's last bit waits for the next byte.
    this.code = ((this.code << 8) | ((this.last << 7) & 255) | (next >>> 1)) & 0x7fffffff;
    this.last = next;
  }
}

/** Bytes of unknown number. */
class ByteSink {
  length = 0;
  private buffer = new Uint8Array(1024);

  push(byte: number): void {
    if (this.length === this.buffer.length) {
      const larger = new Uint8Array(this.buffer.length * 2);
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer[this.length++] = byte;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}
