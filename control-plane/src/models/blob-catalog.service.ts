import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { Digest } from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { BlobStore, type PutOptions, type StoredBlob } from "../storage/index.js";
import { BlobCatalogRepository } from "./blob-catalog.repository.js";

/** Content that nothing refers to is kept this long, ms. */
export const UNREFERENCED_LIFETIME_MS = 24 * 3_600_000;
const COLLECT_INTERVAL_MS = 3_600_000;
/** Blobs looked up at once, and how often in one go. */
const COLLECT_BATCH = 1_000;
const MOST_BATCHES = 100;

/** The blob store with a memory: what is in it, since when and who needs it. Content goes in through here only. */
@Injectable()
export class BlobCatalog implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(BlobCatalog.name);
  #timer: NodeJS.Timeout | undefined;
  /** Recording and removing exclude each other, so that content put again is not removed with its older self. */
  #exclusive: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: BlobStore,
    private readonly repository: BlobCatalogRepository,
    private readonly clock: Clock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.adoptStrays();
    this.#timer = setInterval(() => {
      this.collect().catch((error) => this.#logger.error(`Unreferenced content was not removed: ${error}`));
    }, COLLECT_INTERVAL_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /**
   * Stores content. It is collected after a day unless something refers to it.
   *
   * @throws SartorError SRT_BODY_TOO_LARGE, SRT_DIGEST_MISMATCH
   */
  async put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    // Recorded before it appears: whoever was just removing the same content has removed it by then, and whoever comes later finds it young.
    const beforeVisible = (blob: StoredBlob) => this.#alone(() => this.repository.record(blob, this.clock.now()));
    return this.store.put(content, { ...options, beforeVisible });
  }

  /**
   * Makes sure that content is there and stays for another day.
   *
   * @returns its size, bytes
   * @throws SartorError SRT_BLOB_UNKNOWN
   */
  async hold(digest: Digest): Promise<number> {
    const bytes = await this.#alone(() => this.repository.touch(digest, this.clock.now()));
    if (bytes === undefined || (await this.store.size(digest)) !== bytes) {
      throw new SartorError("SRT_BLOB_UNKNOWN", `No content with the digest ${digest} was uploaded.`, {
        details: { digest },
      });
    }
    return bytes;
  }

  /**
   * Copies content into a file, for a process that knows no blob store.
   *
   * @returns the path
   * @throws SartorError SRT_BLOB_UNKNOWN
   */
  async copy(digest: Digest, path: string): Promise<string> {
    const { stream } = await this.store.open(digest);
    await pipeline(stream, createWriteStream(path, { mode: 0o600 }));
    return path;
  }

  /**
   * Removes content at once that its only owner has let go of: what can be computed again need not wait for a day. Content that anything refers
   * to, or that was put or held again since, stays.
   *
   * @param putAt a time at or after the owner's own put, ms since 1970
   * @returns whether it was removed
   */
  release(digest: Digest, putAt: number): Promise<boolean> {
    return this.remove(digest, putAt + 1);
  }

  /** Removes what nobody refers to for a day; tells how many blobs. */
  async collect(): Promise<number> {
    const before = this.clock.now() - UNREFERENCED_LIFETIME_MS;
    let removed = 0;
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      const found = await this.repository.findCollectable(before, COLLECT_BATCH);
      let now = 0;
      for (const digest of found) now += (await this.remove(digest, before)) ? 1 : 0;
      removed += now;
      // What could not be removed now would be found again at once.
      if (found.length < COLLECT_BATCH || now === 0) break;
    }
    if (removed > 0) this.#logger.log(`Removed ${removed} blobs that nothing refers to.`);
    return removed;
  }

  /** Removes one blob, unless it was put again or somebody refers to it by now; one that fails keeps no other. */
  private async remove(digest: Digest, before: number): Promise<boolean> {
    try {
      return await this.#alone(async () => {
        const bytes = await this.store.size(digest);
        if (!(await this.repository.forget(digest, before))) return false;
        try {
          await this.store.delete(digest);
        } catch (error) {
          // What is there has a row, so that it is tried again.
          if (bytes !== undefined) await this.repository.record({ digest, bytes }, this.clock.now());
          throw error;
        }
        return true;
      });
    } catch (error) {
      // On PostgreSQL a reference that is committed while it is forgotten ends here, by the foreign key.
      this.#logger.warn(`${digest} was not removed: ${error instanceof Error ? error.message : error}`);
      return false;
    }
  }

  /** Content whose row was never written (the process was killed in between) gets one, so that it is collected in time. */
  private async adoptStrays(): Promise<void> {
    for await (const blob of this.store.list()) {
      if (!(await this.repository.has(blob.digest))) await this.repository.record(blob, this.clock.now());
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => undefined);
    return result;
  }
}
