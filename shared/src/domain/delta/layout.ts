import { ELEMENT_WIDTH, type Element } from "./elements.js";
import { invalidDelta } from "./invalid-delta.js";

/** A file that can be read anywhere: a file handle on a server, bytes in a test. */
export interface ByteSource {
  readonly length: number;
  /** Exactly `length` bytes from `offset` on. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A part of a file that stays together from one version to the next: a tensor, or what stands between two of them. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
  readonly element: Element;
  /** The tensor's name, the same in both versions; empty where content alone says what belongs together. */
  readonly name: string;
}

/** The stretches of a file: in order, without holes, up to its end. */
export type Layout = readonly Stretch[];

/** Most stretches that a layout may have. */
export const MOST_STRETCHES = 1_000_000;

/** Fills what is between the tensors of a file, named after the tensor before it, and refuses tensors that overlap or lie outside. */
export function completeLayout(tensors: readonly Stretch[], length: number): Layout {
  if (tensors.length > MOST_STRETCHES / 2) throw invalidDelta(`a layout of ${tensors.length} tensors is too large`);
  const layout: Stretch[] = [];
  let end = 0;
  let before = "";
  const fill = (to: number) => {
    if (to > end) layout.push({ offset: end, length: to - end, element: "bytes", name: `after ${before}` });
  };
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
    const sound = Number.isSafeInteger(tensor.offset) && Number.isSafeInteger(tensor.length) && tensor.length >= 0;
    if (!sound || tensor.offset < end || tensor.offset + tensor.length > length) {
      throw invalidDelta(`tensor ${tensor.name} overlaps another or lies outside of its file`);
    }
    if (tensor.length === 0) continue;
    fill(tensor.offset);
    const whole = tensor.length % ELEMENT_WIDTH[tensor.element] === 0;
    layout.push(whole ? tensor : { ...tensor, element: "bytes" });
    end = tensor.offset + tensor.length;
    before = tensor.name;
  }
  fill(length);
  return layout;
}

const WINDOW = 1 << 20;
const SHORTEST_CHUNK = 8 << 10;
const LONGEST_CHUNK = 128 << 10;
/** A cut at one place in 2^15 beyond the shortest chunk: 40 KiB a chunk on average. */
const CUT_MASK = 0xfffe0000 | 0;

/** A pseudo-random number for each byte, the same on every machine. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) => {
  let x = Math.imul(byte + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
});

/**
 * Cuts a file of unknown format where its content says so, so that what is inserted moves no later cut (the gear hash of
 * W. Xia and others, "Ddelta: a deduplication-inspired fast delta compression approach", 2014).
 */
export async function cutByContent(source: ByteSource): Promise<Layout> {
  const layout: Stretch[] = [];
  let start = 0;
  let hash = 0;
  for (let offset = 0; offset < source.length; offset += WINDOW) {
    const window = await source.read(offset, Math.min(WINDOW, source.length - offset));
    for (let i = 0; i < window.length; i++) {
      hash = ((hash << 1) + (GEAR[window[i] as number] as number)) | 0;
      const length = offset + i + 1 - start;
      if (length < SHORTEST_CHUNK || ((hash & CUT_MASK) !== 0 && length < LONGEST_CHUNK)) continue;
      layout.push({ offset: start, length, element: "bytes", name: "" });
      start += length;
      hash = 0;
    }
  }
  if (start < source.length) {
    layout.push({ offset: start, length: source.length - start, element: "bytes", name: "" });
  }
  return layout;
}
