import { existsSync, statfsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { BundleFile, BundleManifest } from "@sartor/shared/protocol";
import type { Clock } from "../platform/index.js";
import { writeFileDurably } from "../storage/index.js";
import type { BundleSource } from "./bundle-source.js";
import { digestOfStretch, fetchChunk } from "./chunk-writer.js";
import { SLOT_NAMES, type SlotName, type SlotStore } from "./slot-store.js";

/** Space that stays free beside the bundle, bytes: the database and the log need room to go on. */
const SPARE_BYTES = 16 * 1024 * 1024;

export interface DownloadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** A chunk that the other slot holds already. */
interface LocalChunk {
  readonly path: string;
  readonly position: number;
}

/** Brings a bundle into a slot: manifest, chunks, verification, seal. Each part may be repeated after a crash. */
export class BundleInstaller {
  readonly #slots: SlotStore;
  readonly #source: BundleSource;
  readonly #clock: Clock;
  readonly #freeBytes: (folder: string) => number;

  constructor(
    slots: SlotStore,
    source: BundleSource,
    clock: Clock,
    freeBytes: (folder: string) => number = freeBytesOf,
  ) {
    this.#slots = slots;
    this.#source = source;
    this.#clock = clock;
    this.#freeBytes = freeBytes;
  }

  /**
   * Fetches the manifest into the slot and checks that the bundle fits on the disk. What a former attempt at the same bundle
   * left behind is kept.
   *
   * @throws SartorError SRT_DISK_FULL and what {@link BundleSource.fetchManifest} throws
   */
  async prepare(slot: SlotName, bundleId: string, signal: AbortSignal): Promise<BundleManifest> {
    const known = this.#slots.manifestOf(slot, bundleId);
    if (known !== undefined) return known;
    const { bytes, manifest } = await this.#source.fetchManifest(bundleId, signal);
    // The slot's old content makes room first: it is neither active nor the last good bundle's only copy.
    this.#slots.clear(slot);
    const needed = manifest.totalBytes + bytes.byteLength + SPARE_BYTES;
    const free = this.#freeBytes(this.#slots.folderOf(slot));
    if (free < needed) {
      throw new SartorError("SRT_DISK_FULL", `The bundle needs ${needed} bytes with reserve; ${free} are free.`, {
        details: { neededBytes: needed, freeBytes: free },
      });
    }
    writeFileDurably(join(this.#slots.folderOf(slot), "bundle.json"), bytes);
    return manifest;
  }

  /**
   * Fetches what is missing. Chunks that are already in place, from this slot's former attempt or from the other slot's bundle,
   * are not fetched again.
   */
  async download(
    slot: SlotName,
    manifest: BundleManifest,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const local = this.#chunksOfOtherSlot(slot);
    let doneBytes = 0;
    for (const file of manifest.files) {
      await this.#withFile(slot, file, async (handle) => {
        let position = 0;
        for (const chunk of file.chunks) {
          signal.throwIfAborted();
          const place = { file: handle, position, chunk };
          const inPlace = (await digestOfStretch(handle, position, chunk.bytes)) === chunk.digest;
          if (!inPlace && !(await copyLocal(local.get(chunk.digest), place)))
            await fetchChunk(place, this.#source, signal);
          position += chunk.bytes;
          doneBytes += chunk.bytes;
          onProgress({ doneBytes, totalBytes: manifest.totalBytes });
        }
        await handle.truncate(file.bytes);
        await handle.sync();
      });
    }
  }

  /** Checks every file of a slot against its digest. @throws SartorError SRT_DIGEST_MISMATCH naming the file */
  async verify(slot: SlotName, manifest: BundleManifest): Promise<void> {
    for (const file of manifest.files) {
      const digest = await this.#digestOf(join(this.#slots.folderOf(slot), file.name), file.bytes);
      if (digest !== file.digest) {
        throw new SartorError(
          "SRT_DIGEST_MISMATCH",
          `The file ${file.name} in slot ${slot} is not the one of its bundle.`,
        );
      }
    }
  }

  /** Digest of a file of that length; undefined when it is missing or of another length. Other trouble with the disk is thrown. */
  async #digestOf(path: string, bytes: number): Promise<string | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const { size } = await handle.stat();
      return size === bytes ? await digestOfStretch(handle, 0, bytes) : undefined;
    } finally {
      await handle.close();
    }
  }

  /** Seals the slot: from now on it counts as installed. */
  seal(slot: SlotName, bundleId: string): void {
    this.#slots.seal(slot, bundleId, this.#clock.now());
  }

  async #withFile<T>(slot: SlotName, file: BundleFile, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const path = join(this.#slots.folderOf(slot), file.name);
    try {
      const handle = await open(path, existsSync(path) ? "r+" : "w+", 0o644);
      try {
        return await use(handle);
      } finally {
        await handle.close();
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOSPC") {
        throw new SartorError("SRT_DISK_FULL", `The disk filled up while ${file.name} was written.`, { cause });
      }
      throw cause;
    }
  }

  #chunksOfOtherSlot(slot: SlotName): Map<string, LocalChunk> {
    const chunks = new Map<string, LocalChunk>();
    for (const other of SLOT_NAMES) {
      const installed = other === slot ? undefined : this.#slots.installed(other);
      for (const file of installed?.manifest.files ?? []) {
        let position = 0;
        for (const chunk of file.chunks) {
          chunks.set(chunk.digest, { path: join(this.#slots.folderOf(other), file.name), position });
          position += chunk.bytes;
        }
      }
    }
    return chunks;
  }
}

/** Copies a chunk from the other slot; false where there is none or it is no longer what it was. */
async function copyLocal(
  local: LocalChunk | undefined,
  place: { file: FileHandle; position: number; chunk: { bytes: number; digest: string } },
): Promise<boolean> {
  if (local === undefined) return false;
  try {
    const source = await open(local.path, "r");
    try {
      const buffer = Buffer.allocUnsafe(place.chunk.bytes);
      await source.read(buffer, 0, buffer.byteLength, local.position);
      await place.file.write(buffer, 0, buffer.byteLength, place.position);
    } finally {
      await source.close();
    }
  } catch {
    return false;
  }
  return (await digestOfStretch(place.file, place.position, place.chunk.bytes)) === place.chunk.digest;
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
