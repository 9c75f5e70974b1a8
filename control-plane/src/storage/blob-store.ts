import type { Readable } from "node:stream";
import type { Digest } from "@sartor/shared/protocol";

export interface StoredBlob {
  readonly digest: Digest;
  readonly bytes: number;
}

export interface PutOptions {
  /** Content beyond this is refused while it streams, bytes. */
  readonly maximumBytes: number;
  /** When given, content with another digest is refused and not kept. */
  readonly expectedDigest?: Digest;
  /**
   * Awaited when the content is whole, before anybody can see it. What it throws, `put` throws, and nothing is kept.
   */
  readonly beforeVisible?: (blob: StoredBlob) => Promise<void>;
}

/** A part of a blob: from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Content under its own SHA-256. Content never changes, so it can be cached for ever and written twice without harm.
 * No method holds a whole blob in memory.
 */
export abstract class BlobStore {
  /**
   * Stores a stream. Durable once it resolves.
   *
   * @throws SartorError SRT_BODY_TOO_LARGE, SRT_DIGEST_MISMATCH
   */
  abstract put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob>;

  /** Size of a blob in bytes; undefined when there is none. */
  abstract size(digest: Digest): Promise<number | undefined>;

  /**
   * Opens a blob for reading.
   *
   * @throws SartorError SRT_BLOB_UNKNOWN, SRT_RANGE_NOT_SATISFIABLE
   */
  abstract open(digest: Digest, range?: ByteRange): Promise<{ stream: Readable; bytes: number; totalBytes: number }>;

  /** Removes a blob; false when there was none. */
  abstract delete(digest: Digest): Promise<boolean>;

  /** All blobs, in no order. */
  abstract list(): AsyncIterable<StoredBlob>;
}
