import { invalidDelta } from "./invalid-delta.js";

/**
 * A difference on the wire, integers as LEB128:
 *
 *     "SRTD" 1, target's digest (32 bytes) and length, number of bases, each with digest and length,
 *     then pieces until the target is whole:
 *       digest of the piece's content (32 bytes), its length, lengths of the three streams, the streams:
 *       decisions (range coder), raw bits, blobs (zstd frames and stored bytes).
 *
 * A piece is what a device holds in memory at once and verifies before it uses it. Its content is made by operations, whose
 * heads stand among the decisions. Nothing of a piece depends on the piece before it, so a download resumes at any piece.
 */
export const MAGIC = Uint8Array.of(0x53, 0x52, 0x54, 0x44, 1);
export const DIGEST_BYTES = 32;

/** What a device accepts; whatever is beyond is refused before memory is taken for it. */
export const DELTA_LIMITS = {
  /** Content of a piece. */
  pieceBytes: 4 * 1024 * 1024,
  /** Streams of a piece, all three; an encoder that finds nothing stores the content. */
  streamBytes: 4 * 1024 * 1024 + 64 * 1024,
  /** Bytes of bases that a piece may ask for: its own length as base, and dictionaries. */
  baseBytes: 16 * 1024 * 1024,
  operations: 16_384,
  bases: 64,
} as const;

/** An operation: how the next bytes of a piece come about. The place in the list is its symbol. */
export const OPERATIONS = ["copy", "stored", "zstd", "zstd-dictionary", "plain", "differences", "patch"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What a difference builds on. */
export interface DeltaBase {
  /** SHA-256, lower-case hexadecimal. */
  readonly digest: string;
  readonly length: number;
}

/** A range of a base. */
export interface BaseRange {
  readonly base: number;
  readonly offset: number;
}

export interface DeltaHeader {
  readonly target: DeltaBase;
  readonly bases: readonly DeltaBase[];
}

export function writeHeader(header: DeltaHeader): Uint8Array {
  const bytes: number[] = [...MAGIC];
  const push = ({ digest, length }: DeltaBase) => {
    for (let i = 0; i < DIGEST_BYTES; i++) bytes.push(Number.parseInt(digest.slice(2 * i, 2 * i + 2), 16));
    pushVarint(bytes, length);
  };
  push(header.target);
  pushVarint(bytes, header.bases.length);
  header.bases.forEach(push);
  return Uint8Array.from(bytes);
}

/** Appends an integer up to 2^53 - 1, seven bits a byte, the lowest first. */
export function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

/** Takes exact numbers of bytes from parts of any size, and never holds more than what is asked for and one part. */
export class PartReader {
  private readonly parts: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  private part: Uint8Array = new Uint8Array(0);
  private position = 0;

  constructor(parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.parts = Symbol.asyncIterator in parts ? parts[Symbol.asyncIterator]() : parts[Symbol.iterator]();
  }

  async take(length: number): Promise<Uint8Array> {
    const taken = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      if (!(await this.more())) throw invalidDelta("the difference ends too early");
      const step = Math.min(length - filled, this.part.length - this.position);
      taken.set(this.part.subarray(this.position, this.position + step), filled);
      this.position += step;
      filled += step;
    }
    return taken;
  }

  /** An integer of at most `most`. */
  async varint(most: number, what: string): Promise<number> {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = (await this.take(1))[0] as number;
      value += (byte & 127) * scale;
      if (value > most) break;
      if (byte < 128) return value;
    }
    throw invalidDelta(`${what} is beyond the limit of ${most}`);
  }

  /** Whether anything is left. */
  async more(): Promise<boolean> {
    while (this.position >= this.part.length) {
      const next = await this.parts.next();
      if (next.done === true) return false;
      this.part = next.value;
      this.position = 0;
    }
    return true;
  }

  /** Tells the source that nothing more will be read. */
  async close(): Promise<void> {
    await this.parts.return?.();
  }
}
