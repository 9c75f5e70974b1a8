import { BitDecoder } from "./bit-coder.js";
import {
  type BaseRange,
  DELTA_LIMITS,
  type DeltaBase,
  type DeltaHeader,
  DIGEST_BYTES,
  MAGIC,
  PartReader,
} from "./delta-format.js";
import { type DeltaTools, toHex } from "./delta-tools.js";
import { asIntegers, ELEMENT_WIDTH } from "./elements.js";
import { invalidDelta } from "./invalid-delta.js";
import { OperationCoder } from "./operation-coder.js";

/** Reads exactly `length` bytes of a base that the device holds; what it throws comes out of {@link applyDelta} unchanged. */
export type ReadBase = (base: DeltaBase, offset: number, length: number) => Promise<Uint8Array>;

/**
 * Builds the target piece by piece from a difference and what the device holds. Each piece is verified before it is given out,
 * and the whole target when its last piece is taken: what was taken from an iteration that throws is to be thrown away. Holds
 * at most one piece, its streams and the bases of one operation, whatever the target's size.
 *
 * @param expected what the signed manifest says of the target, which alone is trusted.
 * @throws SartorError SRT_DELTA_INVALID for a difference that is cut off, damaged, hostile, of another target, or that does not
 *   apply to the bases as they are.
 */
export async function* applyDelta(
  delta: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  readBase: ReadBase,
  expected: DeltaBase,
  tools: DeltaTools,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = new PartReader(delta);
  try {
    const header = await readHeader(reader, expected);
    const whole = tools.digester();
    for (let done = 0; done < expected.length; ) {
      const piece = await readPiece(reader, header, readBase, done, tools);
      whole.update(piece);
      done += piece.length;
      if (done === expected.length) {
        if (await reader.more()) throw invalidDelta("the difference goes on after its end");
        if (toHex(whole.digest()) !== expected.digest) throw invalidDelta("the difference builds something else");
      }
      yield piece;
    }
    if (expected.length === 0 && (await reader.more())) throw invalidDelta("the difference goes on after its end");
  } finally {
    await reader.close();
  }
}

async function readHeader(reader: PartReader, expected: DeltaBase): Promise<DeltaHeader> {
  const magic = await reader.take(MAGIC.length);
  if (toHex(magic) !== toHex(MAGIC)) throw invalidDelta("this is no difference, or one of a newer kind");
  const base = async () => ({
    digest: toHex(await reader.take(DIGEST_BYTES)),
    length: await reader.varint(Number.MAX_SAFE_INTEGER, "a file's length"),
  });
  const target = await base();
  if (target.digest !== expected.digest || target.length !== expected.length) {
    throw invalidDelta("the difference is one of another target");
  }
  const count = await reader.varint(DELTA_LIMITS.bases, "the number of bases");
  const bases: DeltaBase[] = [];
  for (let i = 0; i < count; i++) bases.push(await base());
  return { target, bases };
}

/** The next piece, whose content starts at `start` of the target. */
async function readPiece(
  reader: PartReader,
  header: DeltaHeader,
  readBase: ReadBase,
  start: number,
  tools: DeltaTools,
): Promise<Uint8Array> {
  const digest = toHex(await reader.take(DIGEST_BYTES));
  const most = Math.min(DELTA_LIMITS.pieceBytes, header.target.length - start);
  const length = await reader.varint(most, "a piece's length");
  if (length === 0) throw invalidDelta("a piece is empty");
  let room: number = DELTA_LIMITS.streamBytes;
  const lengths: number[] = [];
  for (const stream of ["decisions", "raw bits", "blobs"]) {
    const bytes = await reader.varint(room, `the length of a piece's ${stream}`);
    room -= bytes;
    lengths.push(bytes);
  }
  const [coded, raw, blobs] = [
    await reader.take(lengths[0] as number),
    await reader.take(lengths[1] as number),
    await reader.take(lengths[2] as number),
  ];
  const piece = new PieceBuilder(header, readBase, start, length, new BitDecoder(coded, raw), blobs, tools);
  const content = await piece.build();
  if (toHex(tools.digest(content)) !== digest) throw invalidDelta("a piece does not have its digest");
  return content;
}

/** Carries out the operations of one piece. */
class PieceBuilder {
  private readonly content: Uint8Array;
  private readonly coder: OperationCoder;
  private readonly header: DeltaHeader;
  private readonly readBase: ReadBase;
  private readonly start: number;
  private readonly blobs: Uint8Array;
  private readonly tools: DeltaTools;
  private filled = 0;
  private blobPosition = 0;
  private baseRoom: number = DELTA_LIMITS.baseBytes;

  constructor(
    header: DeltaHeader,
    readBase: ReadBase,
    start: number,
    length: number,
    decoder: BitDecoder,
    blobs: Uint8Array,
    tools: DeltaTools,
  ) {
    this.header = header;
    this.readBase = readBase;
    this.start = start;
    this.content = new Uint8Array(length);
    this.coder = new OperationCoder(decoder);
    this.blobs = blobs;
    this.tools = tools;
  }

  async build(): Promise<Uint8Array> {
    for (let operations = 0; this.filled < this.content.length; operations++) {
      if (operations >= DELTA_LIMITS.operations) throw invalidDelta("a piece has too many operations");
      const made = await this.next();
      this.content.set(made, this.filled);
      this.filled += made.length;
    }
    return this.content;
  }

  private async next(): Promise<Uint8Array> {
    const { coder } = this;
    const operation = coder.operation("copy");
    switch (operation) {
      case "copy": {
        const length = this.checked(coder.length(0));
        return this.base(this.range(), length);
      }
      case "stored":
        return this.blob(this.checked(coder.length(0)));
      case "zstd": {
        const length = this.checked(coder.length(0));
        return this.unpacked(this.blob(coder.blobLength(0)), length);
      }
      case "zstd-dictionary": {
        const length = this.checked(coder.length(0));
        const frame = this.blob(coder.blobLength(0));
        const dictionaryLength = coder.length(0);
        return this.unpacked(frame, length, await this.base(this.range(), dictionaryLength));
      }
      default:
        return this.numbers(operation);
    }
  }

  private async numbers(operation: "plain" | "differences" | "patch"): Promise<Uint8Array> {
    const { coder } = this;
    const element = coder.element("bytes");
    const count = coder.length(0);
    const length = this.checked(count * ELEMENT_WIDTH[element]);
    if (operation === "plain") {
      const bytes = new Uint8Array(length);
      coder.numbers.plain(element, asIntegers(bytes, element), 0, count);
      return bytes;
    }
    const old = await this.base(this.range(), length);
    if (operation === "differences") {
      const bytes = new Uint8Array(length);
      coder.numbers.differences(element, asIntegers(bytes, element), asIntegers(old, element), 0, count);
      return bytes;
    }
    const bytes = new Uint8Array(old); // a copy: what was read may be shared
    const values = asIntegers(bytes, element);
    const runs = coder.runCount(0);
    let at = 0;
    for (let i = 0; i < runs; i++) {
      const run = coder.run({ gap: 0, length: 0 });
      if (run.gap < 0 || run.length < 1 || at + run.gap + run.length > count) {
        throw invalidDelta("a patch lies outside of what it patches");
      }
      at += run.gap;
      coder.numbers.plain(element, values, at, at + run.length);
      at += run.length;
    }
    return bytes;
  }

  /** A length that fits what is left of the piece. */
  private checked(length: number): number {
    if (length < 1 || length > this.content.length - this.filled) throw invalidDelta("an operation leaves its piece");
    return length;
  }

  private range(): BaseRange {
    return this.coder.range(this.start + this.filled, { base: 0, offset: 0 });
  }

  private async base(range: BaseRange, length: number): Promise<Uint8Array> {
    const base = this.header.bases[range.base];
    if (base === undefined || length < 1 || range.offset < 0 || range.offset + length > base.length) {
      throw invalidDelta("an operation reads outside of its base");
    }
    this.baseRoom -= length;
    if (this.baseRoom < 0) throw invalidDelta("a piece reads too much of its bases");
    const bytes = await this.readBase(base, range.offset, length);
    if (bytes.length !== length) throw invalidDelta("a base is shorter than it was");
    return bytes;
  }

  private blob(length: number): Uint8Array {
    const end = this.blobPosition + length;
    if (length < 0 || end > this.blobs.length) throw invalidDelta("an operation leaves its piece");
    const blob = this.blobs.subarray(this.blobPosition, end);
    this.blobPosition = end;
    return blob;
  }

  private unpacked(frame: Uint8Array, length: number, dictionary?: Uint8Array): Uint8Array {
    let bytes: Uint8Array;
    try {
      bytes = this.tools.decompress(frame, length, dictionary);
    } catch {
      throw invalidDelta("a piece cannot be unpacked within its length");
    }
    if (bytes.length !== length) throw invalidDelta("a piece unpacks to another length");
    return bytes;
  }
}
