import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { open, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../../platform/index.js";
import { digestOfStretch } from "../chunk-writer.js";
import { type Content, contentOfStretch, hexOf } from "./content.js";

/** What stays free of the disk whatever the cache may take, bytes: bundles, database and log go first. */
const SPARE_BYTES = 64 * 1024 * 1024;
/** More files are not kept, however small they are. */
const MOST_FILES = 50_000;

export interface ContentStoreOptions {
  /** Made when it is missing; whatever lies in it is the cache's. */
  readonly folder: string;
  readonly maximumBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Free bytes of the file system that holds the folder. */
  readonly freeBytes?: () => number;
}

interface Stored {
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
  /** This process compared it with its digest: a crash may have left anything. */
  verified: boolean;
}

/**
 * Content that a cache keeps: one file each, `<address>-<digest>`, the least recently used go first. Nothing is made durable on purpose: what a
 * power cut damages does not have its digest any more and is thrown away when it is first asked for.
 */
export class ContentStore {
  readonly #is: ContentStoreOptions;
  /** By address; the least recently used first. */
  readonly #files = new Map<string, Stored>();
  #bytes = 0;
  /** Promised to content that is under way. */
  #reserved = 0;
  #temporaries = 0;

  constructor(options: ContentStoreOptions) {
    this.#is = options;
    const { folder } = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found: [key: string, usedAt: number, stored: Stored][] = [];
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const [, key, hex] = /^([0-9a-f]{64})-([0-9a-f]{64})$/.exec(name) ?? [];
      const state = statSync(path, { throwIfNoEntry: false });
      if (key === undefined || state?.isFile() !== true) rmSync(path, { recursive: true, force: true });
      else found.push([key, state.mtimeMs, { path, digest: `sha256:${hex}`, bytes: state.size, verified: false }]);
    }
    for (const [key, , stored] of found.sort(([, a], [, b]) => a - b)) this.#add(key, stored);
    this.#evict(0);
  }

  /** Bytes of what is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#files.has(key);
  }

  /** Opens what is kept of an address; undefined where nothing is, or it was damaged and is gone now. */
  async open(key: string): Promise<Content | undefined> {
    const stored = this.#files.get(key);
    if (stored === undefined) return undefined;
    try {
      const file = await open(stored.path, "r");
      try {
        if (!stored.verified && (await digestOfStretch(file, 0, stored.bytes)) !== stored.digest)
          throw new Error("it does not have its digest");
        stored.verified = true;
      } catch (error) {
        await file.close();
        throw error;
      }
      this.#use(key, stored);
      return contentOfStretch(file, 0, stored.digest, stored.bytes);
    } catch (error) {
      this.#is.logger.warn("what the site cache kept was damaged and is thrown away", { digest: stored.digest, error });
      this.#remove(key, stored);
      return undefined;
    }
  }

  /** Promises room to content that comes, for which older content goes; false where there is none. */
  reserve(bytes: number): boolean {
    const { maximumBytes, folder, freeBytes = () => freeBytesOf(folder) } = this.#is;
    if (bytes + this.#reserved > maximumBytes) return false;
    this.#evict(bytes);
    while (freeBytes() < bytes + this.#reserved + SPARE_BYTES) if (!this.#removeOldest()) return false;
    this.#reserved += bytes;
    return true;
  }

  /** Takes a promise back; what was kept counts by itself. */
  release(bytes: number): void {
    this.#reserved -= bytes;
  }

  /** Where content may be written while it comes. */
  temporaryPath(): string {
    return join(this.#is.folder, `coming-${++this.#temporaries}`);
  }

  /** Keeps a file that was verified; a name stands for one content at a time. */
  keep(key: string, digest: Digest, bytes: number, temporaryPath: string): void {
    const former = this.#files.get(key);
    if (former !== undefined) this.#remove(key, former);
    const path = join(this.#is.folder, `${key}-${hexOf(digest)}`);
    renameSync(temporaryPath, path);
    this.#add(key, { path, digest, bytes, verified: true });
  }

  /** Gives all room back: an installation needs it. */
  clear(): void {
    while (this.#removeOldest());
  }

  #add(key: string, stored: Stored): void {
    this.#files.set(key, stored);
    this.#bytes += stored.bytes;
  }

  #use(key: string, stored: Stored): void {
    if (this.#files.get(key) !== stored) return;
    this.#files.delete(key);
    this.#files.set(key, stored);
    const now = this.#is.clock.now() / 1_000;
    void utimes(stored.path, now, now).catch(() => undefined);
  }

  #evict(forBytes: number): void {
    const { maximumBytes } = this.#is;
    while (
      this.#files.size >= MOST_FILES ||
      (this.#files.size > 0 && this.#bytes + this.#reserved + forBytes > maximumBytes)
    )
      this.#removeOldest();
  }

  #removeOldest(): boolean {
    const oldest = this.#files.entries().next();
    if (oldest.done === true) return false;
    this.#remove(...oldest.value);
    return true;
  }

  /** Who reads it goes on: the file is there until it is closed. */
  #remove(key: string, stored: Stored): void {
    if (this.#files.get(key) !== stored) return;
    this.#files.delete(key);
    this.#bytes -= stored.bytes;
    rmSync(stored.path, { force: true });
  }
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
