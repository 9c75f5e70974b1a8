import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Digest } from "@sartor/shared/protocol";

/** Bytes that are read from the disk at once. */
const PIECE_BYTES = 64 * 1024;

/** Verified content that can be read. */
export interface Content {
  readonly digest: Digest;
  readonly totalBytes: number;
  /** The bytes from `start` to `end`, both included. Throws where the content turns out not to be what its digest says. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** Whoever opened it closes it, once. */
  close(): Promise<void>;
}

/** A stretch of a file as content. It owns the handle. */
export function contentOfStretch(file: FileHandle, position: number, digest: Digest, totalBytes: number): Content {
  return {
    digest,
    totalBytes,
    read: (start, end) => readStretch(file, position + start, end - start + 1),
    close: () => file.close(),
  };
}

/** Reads a stretch of a file piece by piece. @throws Error when the file ends before it */
export async function* readStretch(file: FileHandle, position: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < bytes; ) {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position + done);
    if (bytesRead === 0) throw new Error("the file ended too early");
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

export const hexOf = (digest: Digest): string => digest.slice("sha256:".length);

export function digestOf(hash: ReturnType<typeof createHash>): Digest {
  return `sha256:${hash.digest("hex")}`;
}

export const newHash = () => createHash("sha256");
