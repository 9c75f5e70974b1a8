import { createHash } from "node:crypto";
import type { DeltaBase } from "../delta-format.js";
import { ELEMENT_WIDTH, type Element } from "../elements.js";
import { applyDelta, type ByteSource, completeLayout, type LaidOutFile, makeDelta, type Stretch } from "../index.js";
import { nodeDeltaTools } from "./node-delta-tools.js";

/** A tensor of a made-up file. */
export interface TestTensor {
  readonly name: string;
  readonly element: Element;
  readonly bytes: Uint8Array;
}

export function sourceOf(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

export function nameOf(bytes: Uint8Array): DeltaBase {
  return { digest: createHash("sha256").update(bytes).digest("hex"), length: bytes.length };
}

/** Tensors one after another, each behind a gap of some bytes, as a file with its layout. */
export function fileOf(tensors: readonly TestTensor[], gap: Uint8Array): { bytes: Uint8Array; file: LaidOutFile } {
  const parts: Uint8Array[] = [];
  const stretches: Stretch[] = [];
  let at = 0;
  for (const [index, tensor] of tensors.entries()) {
    const length = tensor.bytes.length - (tensor.bytes.length % ELEMENT_WIDTH[tensor.element]);
    parts.push(gap, tensor.bytes.subarray(0, length));
    const name = tensor.name === "" ? `tensor ${index}` : tensor.name;
    stretches.push({ offset: at + gap.length, length, element: tensor.element, name });
    at += gap.length + length;
  }
  const bytes = new Uint8Array(Buffer.concat(parts));
  return { bytes, file: { source: sourceOf(bytes), layout: completeLayout(stretches, bytes.length) } };
}

/** The whole difference in one row of bytes. */
export async function deltaOf(target: LaidOutFile, bases: readonly LaidOutFile[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of makeDelta(target, bases, nodeDeltaTools)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/** What a device builds that holds `bases`. */
export async function applied(
  delta: Uint8Array | readonly Uint8Array[],
  bases: readonly Uint8Array[],
  expected: DeltaBase,
): Promise<Uint8Array> {
  const held = new Map(bases.map((bytes) => [nameOf(bytes).digest, bytes]));
  return appliedTo(delta, held, expected);
}

/** The same for a device that holds other bytes than it says. */
export async function appliedTo(
  delta: Uint8Array | readonly Uint8Array[],
  held: ReadonlyMap<string, Uint8Array>,
  expected: DeltaBase,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const parts = delta instanceof Uint8Array ? [delta] : delta;
  const readBase = async ({ digest }: DeltaBase, offset: number, length: number) =>
    (held.get(digest) ?? new Uint8Array(0)).subarray(offset, offset + length);
  for await (const piece of applyDelta(parts, readBase, expected, nodeDeltaTools)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
