import { existsSync, statfsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { BundleFile, BundleManifest } from "@sartor/shared/protocol";
import type { Clock } from "../platform/index.js";
import type { BundleFolder, InstalledBundle } from "./bundle-folder.js";
import type { BundleSource, OrderedBundle } from "./bundle-source.js";
import { digestOfStretch, fetchChunk } from "./chunk-writer.js";

/** Space that stays free beside the bundle, bytes: the database and the log need room to go on. */
const SPARE_BYTES = 16 * 1024 * 1024;

export interface DownloadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** A chunk that another bundle on this disk holds already. */
interface LocalChunk {
  readonly path: string;
  readonly position: number;
}

export interface BundleInstallerOptions {
  readonly source: BundleSource;
  readonly clock: Clock;
  /** Every complete bundle on this disk: what it holds is not fetched again. */
  readonly complete: () => readonly InstalledBundle[];
  /** Free bytes of the file system that holds a folder. */
  readonly freeBytes?: (folder: string) => number;
  /** Removes what the device can do without, before a bundle is refused for want of space. */
  readonly makeRoom?: () => Promise<void>;
}

/** Brings a bundle into a folder: manifest, chunks, verification, seal. Each part may be repeated after a crash. */
export class BundleInstaller {
  readonly #is: BundleInstallerOptions;

  constructor(options: BundleInstallerOptions) {
    this.#is = options;
  }

  /**
   * Fetches the manifest into the folder and checks that the bundle fits on the disk. What a former attempt at the same bundle
   * left behind is kept.
   *
   * @throws SartorError SRT_DISK_FULL and what {@link BundleSource.fetchManifest} throws
   */
  async prepare(folder: BundleFolder, bundle: OrderedBundle, signal: AbortSignal): Promise<BundleManifest> {
    const known = folder.manifestOf(bundle.bundleId);
    if (known !== undefined) return known;
    const { source, freeBytes = freeBytesOf, makeRoom } = this.#is;
    const { bytes, manifest } = await source.fetchManifest(bundle, signal);
    // The folder's old content makes room first: it is neither active nor the last good bundle's only copy.
    folder.clear();
    const needed = manifest.totalBytes + bytes.byteLength + SPARE_BYTES;
    if (freeBytes(folder.path) < needed) await makeRoom?.();
    const free = freeBytes(folder.path);
    if (free < needed) {
      throw new SartorError("SRT_DISK_FULL", `The bundle needs ${needed} bytes with reserve; ${free} are free.`, {
        details: { neededBytes: needed, freeBytes: free },
      });
    }
    folder.begin(bytes);
    return manifest;
  }

  /**
   * Fetches what is missing. Chunks that are already in place, from a former attempt or from another bundle on this disk, are not
   * fetched again.
   */
  async download(
    folder: BundleFolder,
    manifest: BundleManifest,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const local = this.#chunksOfOthers(folder);
    let doneBytes = 0;
    for (const file of manifest.files) {
      await this.#withFile(folder, file, async (handle) => {
        let position = 0;
        for (const chunk of file.chunks) {
          signal.throwIfAborted();
          const place = { file: handle, position, chunk };
          const inPlace = (await digestOfStretch(handle, position, chunk.bytes)) === chunk.digest;
          if (!inPlace && !(await copyLocal(local.get(chunk.digest), place)))
            await fetchChunk(place, this.#is.source, signal);
          position += chunk.bytes;
          doneBytes += chunk.bytes;
          onProgress({ doneBytes, totalBytes: manifest.totalBytes });
        }
        await handle.truncate(file.bytes);
        await handle.sync();
      });
    }
  }

  /** Checks every file of a folder against its digest. @throws SartorError SRT_DIGEST_MISMATCH naming the file */
  async verify(folder: BundleFolder, manifest: BundleManifest): Promise<void> {
    for (const file of manifest.files) {
      const digest = await this.#digestOf(join(folder.path, file.name), file.bytes);
      if (digest !== file.digest) {
        throw new SartorError("SRT_DIGEST_MISMATCH", `The file ${file.name} on the disk is not the one of its bundle.`);
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

  /** Seals the folder: from now on its bundle counts as installed. */
  seal(folder: BundleFolder, bundleId: string): void {
    folder.seal(bundleId, this.#is.clock.now());
  }

  async #withFile<T>(folder: BundleFolder, file: BundleFile, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const path = join(folder.path, file.name);
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

  #chunksOfOthers(own: BundleFolder): Map<string, LocalChunk> {
    const chunks = new Map<string, LocalChunk>();
    for (const { folder, manifest } of this.#is.complete()) {
      if (folder === own.path) continue;
      for (const file of manifest.files) {
        let position = 0;
        for (const chunk of file.chunks) {
          chunks.set(chunk.digest, { path: join(folder, file.name), position });
          position += chunk.bytes;
        }
      }
    }
    return chunks;
  }
}

/** Copies a chunk from another bundle; false where there is none or it is no longer what it was. */
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
