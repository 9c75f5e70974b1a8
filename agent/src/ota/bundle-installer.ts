import { statfsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import type { BundleManifest, Digest } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../platform/index.js";
import { BundleDownload, type DownloadProgress } from "./bundle-download.js";
import type { BundleFolder, InstalledBundle } from "./bundle-folder.js";
import type { BundleSource, OrderedBundle } from "./bundle-source.js";
import { digestOfStretch } from "./chunk-writer.js";
import { DeltaFetcher } from "./delta-fetcher.js";

/** Space that stays free beside the bundle, bytes: the database and the log need room to go on. */
const SPARE_BYTES = 16 * 1024 * 1024;

export interface BundleInstallerOptions {
  readonly source: BundleSource;
  readonly clock: Clock;
  /** Every complete bundle on this disk: what it holds is not fetched again. */
  readonly complete: () => readonly InstalledBundle[];
  /** Free bytes of the file system that holds a folder. */
  readonly freeBytes?: (folder: string) => number;
  /** Removes what the device can do without, before a bundle is refused for want of space. */
  readonly makeRoom?: () => Promise<void>;
  /** Chunks that are fetched at the same time; 1 by default. */
  readonly parallel?: number;
  /** The bundle that runs, to which differences are asked for; none are without it. */
  readonly base?: () => InstalledBundle | undefined;
  readonly logger?: Logger;
}

/** Brings a bundle into a folder: manifest, chunks, verification, seal. Each part may be repeated after a crash. */
export class BundleInstaller {
  readonly #is: BundleInstallerOptions;
  readonly #deltas: DeltaFetcher | undefined;

  constructor(options: BundleInstallerOptions) {
    this.#is = options;
    const { base, logger, source, freeBytes = freeBytesOf } = options;
    this.#deltas =
      base === undefined || logger === undefined ? undefined : new DeltaFetcher({ source, base, logger, freeBytes });
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
   * Fetches what is missing. What is already in place, from a former attempt or from another bundle on this disk, is not fetched again; a file of
   * which an older version runs comes as a difference where one is offered.
   *
   * @throws SartorError SRT_DOWNLOAD_FAILED, SRT_DIGEST_MISMATCH, SRT_DISK_FULL; the signal's reason
   */
  async download(
    folder: BundleFolder,
    bundle: { readonly bundleId: Digest; readonly manifest: BundleManifest },
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { source, complete, parallel = 1 } = this.#is;
    const run = { folder, ...bundle, source, deltas: this.#deltas, complete: complete(), parallel, onProgress };
    await new BundleDownload(run).run(signal);
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
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
