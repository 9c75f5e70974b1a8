import { createHash, randomUUID } from "node:crypto";
import { createReadStream, type Dirent } from "node:fs";
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { SartorError } from "@sartor/shared/errors";
import { type Digest, digestSchema } from "@sartor/shared/protocol";
import { BlobStore, type ByteRange, type PutOptions, type StoredBlob } from "./blob-store.js";

const PREFIX = "sha256:";
/** Bytes read at once. */
const READ_CHUNK = 256 * 1024;

/** Blobs as files: `<folder>/ab/<64 hex digits>`, fanned out by their first two digits. */
export class FolderBlobStore extends BlobStore {
  readonly #folder: string;
  readonly #temporary: string;

  private constructor(folder: string) {
    super();
    this.#folder = folder;
    this.#temporary = join(folder, "incoming");
  }

  /** Opens the store and removes what interrupted uploads left behind. */
  static async open(folder: string): Promise<FolderBlobStore> {
    const store = new FolderBlobStore(folder);
    await rm(store.#temporary, { recursive: true, force: true });
    await mkdir(store.#temporary, { recursive: true, mode: 0o700 });
    return store;
  }

  override async put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const temporary = join(this.#temporary, randomUUID());
    const file = await open(temporary, "wx", 0o600);
    try {
      const stored = await writeHashed(file, content, options);
      await file.sync();
      await file.close();
      await options.beforeVisible?.(stored);
      const path = this.#pathOf(stored.digest);
      const parent = join(path, "..");
      if ((await mkdir(parent, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(this.#folder);
      await rename(temporary, path);
      await syncFolder(parent);
      return stored;
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
  }

  override async size(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.#pathOf(digest))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  override async open(
    digest: Digest,
    range?: ByteRange,
  ): Promise<{ stream: Readable; bytes: number; totalBytes: number }> {
    const totalBytes = await this.size(digest);
    if (totalBytes === undefined) throw new SartorError("SRT_BLOB_UNKNOWN", `No blob has the digest ${digest}.`);
    if (range !== undefined && (range.start < 0 || range.start > range.end || range.end >= totalBytes)) {
      throw new SartorError(
        "SRT_RANGE_NOT_SATISFIABLE",
        `The content has ${totalBytes} bytes; ${range.start} to ${range.end} lies outside.`,
        { details: { totalBytes } },
      );
    }
    const stream = createReadStream(this.#pathOf(digest), { highWaterMark: READ_CHUNK, ...range });
    return { stream, bytes: range === undefined ? totalBytes : range.end - range.start + 1, totalBytes };
  }

  override async delete(digest: Digest): Promise<boolean> {
    try {
      await rm(this.#pathOf(digest));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }

  override async *list(): AsyncIterable<StoredBlob> {
    for await (const shard of await opendir(this.#folder)) {
      if (!/^[0-9a-f]{2}$/.test(shard.name)) continue;
      for await (const entry of (await opendir(join(this.#folder, shard.name))) as AsyncIterable<Dirent>) {
        const digest = digestSchema.safeParse(`${PREFIX}${entry.name}`);
        if (!digest.success) continue;
        const bytes = await this.size(digest.data);
        if (bytes !== undefined) yield { digest: digest.data, bytes };
      }
    }
  }

  #pathOf(digest: Digest): string {
    // Checked here once more: a digest becomes part of a path.
    const hex = digestSchema.parse(digest).slice(PREFIX.length);
    return join(this.#folder, hex.slice(0, 2), hex);
  }
}

async function writeHashed(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<StoredBlob> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    if (bytes > options.maximumBytes) {
      throw new SartorError("SRT_BODY_TOO_LARGE", `At most ${options.maximumBytes} bytes are accepted here.`, {
        details: { maximumBytes: options.maximumBytes },
      });
    }
    hash.update(chunk);
    await file.writeFile(chunk);
  }
  const digest: Digest = `${PREFIX}${hash.digest("hex")}`;
  if (options.expectedDigest !== undefined && options.expectedDigest !== digest) {
    throw new SartorError(
      "SRT_DIGEST_MISMATCH",
      `The content has the digest ${digest}, not ${options.expectedDigest} as announced.`,
      { details: { digest, expected: options.expectedDigest } },
    );
  }
  return { digest, bytes };
}

/** Makes a rename within a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
