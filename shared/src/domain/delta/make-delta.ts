import { BitEncoder } from "./bit-coder.js";
import { chooseOperation, type Part, writeNumbers } from "./choose-operation.js";
import { type BaseRange, DELTA_LIMITS, type DeltaBase, pushVarint, writeHeader } from "./delta-format.js";
import { type DeltaTools, toHex } from "./delta-tools.js";
import { ELEMENT_WIDTH } from "./elements.js";
import { invalidDelta } from "./invalid-delta.js";
import type { ByteSource } from "./layout.js";
import { type LaidOutFile, matchStretches, type Segment } from "./match-stretches.js";
import { OperationCoder } from "./operation-coder.js";

/** Content of a piece, as the encoder cuts it: larger ones save little, and cost the device memory. */
export const PIECE_BYTES = 1024 * 1024;

/**
 * The difference from `bases` to `target`, piece by piece; holds the layouts' digests and one piece. Slow on purpose (it tries
 * every way on every stretch): it runs once for a pair of files, away from requests.
 *
 * @throws SartorError SRT_DELTA_INVALID for more than {@link DELTA_LIMITS}.bases bases, or layouts that are not whole.
 */
export async function* makeDelta(
  target: LaidOutFile,
  bases: readonly LaidOutFile[],
  tools: DeltaTools,
): AsyncGenerator<Uint8Array, void, void> {
  if (bases.length > DELTA_LIMITS.bases)
    throw invalidDelta(`a difference builds on ${DELTA_LIMITS.bases} bases at most`);
  for (const file of [target, ...bases]) checkWhole(file);
  const names: DeltaBase[] = [];
  for (const { source } of [target, ...bases]) {
    names.push({ digest: await digestOfFile(source, tools), length: source.length });
  }
  const [named, ...basesNamed] = names;
  yield writeHeader({ target: named as DeltaBase, bases: basesNamed });
  let piece = new PieceWriter(tools);
  for (const segment of await matchStretches(target, bases, tools)) {
    for (let done = 0; done < segment.length; ) {
      const room = PIECE_BYTES - piece.length;
      const width = ELEMENT_WIDTH[segment.element];
      const length = Math.min(segment.length - done, room - (room % width));
      if (length === 0 || piece.isFull) {
        yield piece.finish();
        piece = new PieceWriter(tools);
        continue;
      }
      piece.add(await partOf(segment, done, length, target, bases));
      done += length;
    }
  }
  if (piece.length > 0) yield piece.finish();
}

/** The part of a segment at `done`, with its old content. */
async function partOf(
  segment: Segment,
  done: number,
  length: number,
  target: LaidOutFile,
  bases: readonly LaidOutFile[],
): Promise<Part> {
  const at = segment.offset + done;
  const part = { at, content: await target.source.read(at, length), element: segment.element };
  const { old } = segment;
  const base = old === undefined ? undefined : bases[old.base];
  if (old === undefined || base === undefined) return part;
  // Of a longer or shorter base, the part around the same share of the way is the dictionary.
  const beside = old.length === segment.length;
  const share = beside ? done : Math.floor((done / segment.length) * Math.max(0, old.length - PIECE_BYTES));
  const oldLength = beside ? length : Math.min(PIECE_BYTES, old.length - share);
  const range: BaseRange = { base: old.base, offset: old.offset + share };
  return { ...part, old: { range, content: await base.source.read(range.offset, oldLength) } };
}

/** Collects the operations of one piece. */
class PieceWriter {
  length = 0;
  private readonly tools: DeltaTools;
  private readonly encoder = new BitEncoder();
  private readonly coder = new OperationCoder(this.encoder);
  private readonly digester: ReturnType<DeltaTools["digester"]>;
  private readonly blobs: Uint8Array[] = [];
  private operations = 0;
  private baseBytes = 0;
  /** A copy that may still grow. */
  private copy: { at: number; range: BaseRange; length: number } | undefined;

  constructor(tools: DeltaTools) {
    this.tools = tools;
    this.digester = tools.digester();
  }

  /** Whether another part might pass what a device accepts. */
  get isFull(): boolean {
    return this.operations >= DELTA_LIMITS.operations - 2 || this.baseBytes + 2 * PIECE_BYTES > DELTA_LIMITS.baseBytes;
  }

  add(part: Part): void {
    this.digester.update(part.content);
    this.length += part.content.length;
    const choice = chooseOperation(part, this.tools);
    if (choice.operation === "copy" && part.old !== undefined) {
      this.addCopy(part.at, part.old.range, part.content.length);
      return;
    }
    this.flushCopy();
    this.operations++;
    const { coder } = this;
    coder.operation(choice.operation);
    if (choice.blob !== undefined) {
      coder.length(part.content.length);
      if (choice.operation !== "stored") coder.blobLength(choice.blob.length);
      this.blobs.push(choice.blob);
      if (choice.operation === "zstd-dictionary" && part.old !== undefined) {
        coder.length(part.old.content.length);
        this.useBase(part.at, part.old.range, part.old.content.length);
      }
      return;
    }
    coder.element(choice.element);
    coder.length(part.content.length / ELEMENT_WIDTH[choice.element]);
    if (choice.operation !== "plain" && part.old !== undefined) {
      this.useBase(part.at, part.old.range, part.content.length);
    }
    writeNumbers(coder, part, choice);
  }

  finish(): Uint8Array {
    this.flushCopy();
    const { coded, raw } = this.encoder.finish();
    const head: number[] = [...this.digester.digest()];
    pushVarint(head, this.length);
    pushVarint(head, coded.length);
    pushVarint(head, raw.length);
    pushVarint(
      head,
      this.blobs.reduce((sum, blob) => sum + blob.length, 0),
    );
    return joined([Uint8Array.from(head), coded, raw, ...this.blobs]);
  }

  private addCopy(at: number, range: BaseRange, length: number): void {
    const copy = this.copy;
    if (copy !== undefined && copy.range.base === range.base && copy.range.offset + copy.length === range.offset) {
      copy.length += length;
      return;
    }
    this.flushCopy();
    this.copy = { at, range, length };
  }

  private flushCopy(): void {
    const copy = this.copy;
    if (copy === undefined) return;
    this.copy = undefined;
    this.operations++;
    this.coder.operation("copy");
    this.coder.length(copy.length);
    this.useBase(copy.at, copy.range, copy.length);
  }

  private useBase(at: number, range: BaseRange, length: number): void {
    this.baseBytes += length;
    this.coder.range(at, range);
  }
}

function checkWhole({ source, layout }: LaidOutFile): void {
  let end = 0;
  for (const { offset, length } of layout) {
    if (offset !== end || length < 1) throw invalidDelta("a layout has a hole, or a stretch without content");
    end += length;
  }
  if (end !== source.length) throw invalidDelta("a layout does not end where its file ends");
}

async function digestOfFile(source: ByteSource, tools: DeltaTools): Promise<string> {
  const digester = tools.digester();
  for (let done = 0; done < source.length; done += PIECE_BYTES) {
    digester.update(await source.read(done, Math.min(PIECE_BYTES, source.length - done)));
  }
  return toHex(digester.digest());
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
