import { type BitCoder, newModels } from "./bit-coder.js";
import { type BaseRange, OPERATIONS, type Operation } from "./delta-format.js";
import { ELEMENTS, type Element } from "./elements.js";
import { invalidDelta } from "./invalid-delta.js";
import { NumberCoder } from "./number-coder.js";

/** Which counts resemble each other. */
const KIND = { length: 0, blob: 1, base: 2, high: 3, low: 4, gap: 5, run: 6, runs: 7 } as const;

/** A stretch of changed elements: unchanged ones before it, and how many changed. */
export interface Run {
  gap: number;
  length: number;
}

/** Heads of operations, in either direction, under models of one piece. */
export class OperationCoder {
  readonly numbers: NumberCoder;
  private readonly coder: BitCoder;
  private readonly operations = newModels(8);
  private readonly elements = newModels(8);
  private readonly moved = newModels(1);
  /** How far a base's range lay from the target's place last time; most operations keep it. */
  private displacement = 0;
  private lastBase = 0;

  constructor(coder: BitCoder) {
    this.coder = coder;
    this.numbers = new NumberCoder(coder);
  }

  operation(value: Operation): Operation {
    const decoded = OPERATIONS[this.numbers.symbol(this.operations, 0, 3, OPERATIONS.indexOf(value))];
    if (decoded === undefined) throw invalidDelta("an operation is unknown");
    return decoded;
  }

  element(value: Element): Element {
    return ELEMENTS[this.numbers.symbol(this.elements, 0, 3, ELEMENTS.indexOf(value))] as Element;
  }

  length(value: number): number {
    return this.numbers.count(KIND.length, value);
  }

  blobLength(value: number): number {
    return this.numbers.count(KIND.blob, value);
  }

  /** A range of a base for content at `at` of the target. */
  range(at: number, value: BaseRange): BaseRange {
    const keeps = value.base === this.lastBase && value.offset === at + this.displacement ? 1 : 0;
    if (this.coder.bit(this.moved, 0, keeps) === 1) return { base: this.lastBase, offset: at + this.displacement };
    const base = this.numbers.count(KIND.base, value.base);
    const high = this.numbers.count(KIND.high, Math.floor(value.offset / 2 ** 32));
    const low = this.numbers.count(KIND.low, value.offset % 2 ** 32);
    const offset = high * 2 ** 32 + low;
    this.lastBase = base;
    this.displacement = offset - at;
    return { base, offset };
  }

  runCount(value: number): number {
    return this.numbers.count(KIND.runs, value);
  }

  run(value: Run): Run {
    const gap = this.numbers.count(KIND.gap, value.gap);
    return { gap, length: this.numbers.count(KIND.run, value.length) };
  }
}
