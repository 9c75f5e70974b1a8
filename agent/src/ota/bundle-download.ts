import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SartorError } from "@sartor/shared/errors";
import type { BundleFile, BundleManifest, Digest } from "@sartor/shared/protocol";
import type { BundleFolder, InstalledBundle } from "./bundle-folder.js";
import type { BundleSource } from "./bundle-source.js";
import { type ChunkPlace, digestOfStretch, fetchChunk } from "./chunk-writer.js";
import { DeltaFetcher } from "./delta-fetcher.js";

/** As long as fetching the chunks would take at this rate, bytes a second, it is waited until a difference is made: */
const PATIENCE_RATE = 1024 * 1024;
/** ...but at least and at most so long, ms. */
const PATIENCE_MS = { least: 5_000, most: 600_000 };

export interface DownloadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** A chunk that another bundle on this disk holds already. */
interface LocalChunk {
  readonly path: string;
  readonly position: number;
}

/** A chunk that has to be fetched. */
type MissingChunk = Omit<ChunkPlace, "file">;

export interface BundleDownloadOptions {
  readonly folder: BundleFolder;
  readonly bundleId: Digest;
  readonly manifest: BundleManifest;
  readonly source: BundleSource;
  readonly deltas: DeltaFetcher | undefined;
  /** Every complete bundle on this disk. */
  readonly complete: readonly InstalledBundle[];
  /** Chunks that are fetched at the same time. */
  readonly parallel: number;
  readonly onProgress: (progress: DownloadProgress) => void;
}

/**
 * One pass that brings the files of a bundle into its folder: what is there stays, what another bundle holds is copied, a file of which much is
 * missing comes as a difference where there is one, and the rest as chunks, several at a time. It may break off anywhere and be repeated.
 */
export class BundleDownload {
  readonly #is: BundleDownloadOptions;
  readonly #local: ReadonlyMap<string, LocalChunk>;
  #doneBytes = 0;

  constructor(options: BundleDownloadOptions) {
    this.#is = options;
    this.#local = chunksOf(options.complete.filter(({ folder }) => folder !== options.folder.path));
  }

  /** @throws SartorError SRT_DOWNLOAD_FAILED, SRT_DIGEST_MISMATCH, SRT_DISK_FULL; the signal's reason */
  async run(signal: AbortSignal): Promise<void> {
    const { manifest, folder } = this.#is;
    const waiting: { file: BundleFile; missing: readonly MissingChunk[]; askAt: number; until: number }[] = [];
    for (const file of manifest.files) {
      const missing = await this.#useWhatIsHere(file, signal);
      const outcome = await this.#asDifference(file, missing, signal);
      const now = performance.now();
      if (outcome.kind === "none") await this.#asChunks(file, missing, signal);
      if (outcome.kind === "pending") {
        const until = now + patienceMs(bytesOf(missing));
        waiting.push({ file, missing, askAt: now + outcome.retryAfterMs, until });
      }
    }
    for (const { file, missing, until, ...first } of waiting) {
      let { askAt } = first;
      while (askAt <= until) {
        await pause(askAt - performance.now(), signal);
        const outcome = await this.#asDifference(file, missing, signal);
        if (outcome.kind === "done") break;
        askAt = outcome.kind === "pending" ? performance.now() + outcome.retryAfterMs : Number.POSITIVE_INFINITY;
      }
      if (askAt > until) await this.#asChunks(file, missing, signal);
    }
    DeltaFetcher.clear(folder.path);
  }

  /** Takes what is in its place or on this disk; gives what is not. */
  #useWhatIsHere(file: BundleFile, signal: AbortSignal): Promise<MissingChunk[]> {
    return this.#withFile(file, async (handle) => {
      const missing: MissingChunk[] = [];
      let position = 0;
      for (const chunk of file.chunks) {
        signal.throwIfAborted();
        const place = { file: handle, position, chunk };
        const isInPlace = (await digestOfStretch(handle, position, chunk.bytes)) === chunk.digest;
        if (isInPlace || (await copyLocal(this.#local.get(chunk.digest), place))) this.#advance(chunk.bytes);
        else missing.push({ position, chunk });
        position += chunk.bytes;
      }
      await handle.truncate(file.bytes);
      if (missing.length === 0) await handle.sync();
      return missing;
    });
  }

  async #asDifference(file: BundleFile, missing: readonly MissingChunk[], signal: AbortSignal) {
    const { folder, bundleId, deltas } = this.#is;
    const missingBytes = bytesOf(missing);
    if (missingBytes === 0) return { kind: "done" as const };
    if (deltas === undefined) return { kind: "none" as const };
    const onShare = (share: number) => this.#tell(Math.floor(share * missingBytes));
    const outcome = await deltas.fetch({ folder: folder.path, bundleId, file, missingBytes, onShare }, signal);
    if (outcome.kind === "done") this.#advance(missingBytes);
    return outcome;
  }

  async #asChunks(file: BundleFile, missing: readonly MissingChunk[], signal: AbortSignal): Promise<void> {
    if (missing.length === 0) return;
    const { source, parallel } = this.#is;
    await this.#withFile(file, async (handle) => {
      // One that fails ends the others: they would only write into a file that is closed.
      const ending = new AbortController();
      const either = AbortSignal.any([signal, ending.signal]);
      const rest = missing.values();
      const work = async () => {
        for (const { position, chunk } of rest) {
          either.throwIfAborted();
          await fetchChunk({ file: handle, position, chunk }, source, either);
          this.#advance(chunk.bytes);
        }
      };
      const workers = Array.from({ length: Math.min(parallel, missing.length) }, () =>
        work().catch((error) => {
          ending.abort(error);
          throw error;
        }),
      );
      const failed = (await Promise.allSettled(workers)).find(({ status }) => status === "rejected");
      signal.throwIfAborted();
      if (failed !== undefined) throw ending.signal.reason;
      await handle.sync();
    });
  }

  #advance(bytes: number): void {
    this.#doneBytes += bytes;
    this.#tell(0);
  }

  #tell(moreBytes: number): void {
    const { manifest, onProgress } = this.#is;
    onProgress({ doneBytes: this.#doneBytes + moreBytes, totalBytes: manifest.totalBytes });
  }

  async #withFile<T>(file: BundleFile, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const path = join(this.#is.folder.path, file.name);
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
}

const bytesOf = (missing: readonly MissingChunk[]) => missing.reduce((sum, { chunk }) => sum + chunk.bytes, 0);

function patienceMs(missingBytes: number): number {
  const { least, most } = PATIENCE_MS;
  return Math.min(most, Math.max(least, (missingBytes / PATIENCE_RATE) * 1_000));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function chunksOf(bundles: readonly InstalledBundle[]): Map<string, LocalChunk> {
  const chunks = new Map<string, LocalChunk>();
  for (const { folder, manifest } of bundles) {
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

/** Copies a chunk from another bundle; false where there is none or it is no longer what it was. */
async function copyLocal(local: LocalChunk | undefined, place: ChunkPlace): Promise<boolean> {
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
