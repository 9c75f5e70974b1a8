import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { SartorError } from "@sartor/shared/errors";
import type { ChunkRef } from "@sartor/shared/protocol";
import { isTooSlow } from "../platform/index.js";
import { type BundleSource, type ChunkContent, DAMAGED_TRIES } from "./bundle-source.js";

/** A place of a file that one chunk fills. */
export interface ChunkPlace {
  readonly file: FileHandle;
  readonly position: number;
  readonly chunk: ChunkRef;
}

/** SHA-256 of a stretch of a file; undefined where the file ends too early. */
export async function digestOfStretch(file: FileHandle, position: number, bytes: number): Promise<string | undefined> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.min(bytes, 64 * 1024));
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.byteLength, bytes - done), position + done);
    if (bytesRead === 0) return undefined;
    hash.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
  return `sha256:${hash.digest("hex")}`;
}

/**
 * Fetches one chunk into its place. A connection that breaks is continued by range from the last byte; a chunk whose digest is
 * wrong is fetched again from its start.
 *
 * @throws SartorError SRT_DOWNLOAD_FAILED when the connection breaks (the caller waits and calls again with `offset`),
 *   SRT_DIGEST_MISMATCH when it arrives damaged again and again
 */
export async function fetchChunk(place: ChunkPlace, source: BundleSource, signal: AbortSignal): Promise<void> {
  let offset = 0;
  let damaged = 0;
  let stalled = 0;
  /** Of those who brought a part of it: which part is wrong nobody knows. */
  const refusals: (ChunkContent["refuse"] | undefined)[] = [];
  for (;;) {
    const before = offset;
    try {
      const content = await source.openChunk(place.chunk, offset, signal);
      refusals.push(content.refuse);
      for await (const piece of content.body) {
        await place.file.write(piece, 0, piece.byteLength, place.position + offset);
        offset += piece.byteLength;
      }
      if (offset < place.chunk.bytes) {
        throw new SartorError(
          "SRT_DOWNLOAD_FAILED",
          `Chunk ${place.chunk.digest} ended after ${offset} of ${place.chunk.bytes} bytes.`,
        );
      }
    } catch (thrown) {
      // Progress was made: go on from there at once. No progress twice in a row: let the caller wait. What drips brings bytes for ever: that
      // is none.
      stalled = offset > before && !isTooSlow(thrown) ? 0 : stalled + 1;
      if (signal.aborted || stalled > 1) throw thrown;
      continue;
    }
    const digest = await digestOfStretch(place.file, place.position, place.chunk.bytes);
    if (digest === place.chunk.digest) return;
    for (const refuse of refusals.splice(0)) refuse?.();
    damaged += 1;
    if (damaged >= DAMAGED_TRIES) {
      throw new SartorError("SRT_DIGEST_MISMATCH", `Chunk ${place.chunk.digest} arrived damaged ${damaged} times.`);
    }
    offset = 0;
  }
}
