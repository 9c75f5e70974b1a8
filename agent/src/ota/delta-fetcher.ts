import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { type BundleFile, DELTA_OFFER, type Digest, deltaBases } from "@sartor/shared/protocol";
import { z } from "zod";
import type { Logger } from "../platform/index.js";
import { syncFolder, writeFileDurably } from "../storage/index.js";
import { applyDeltaInChild } from "./apply-delta.js";
import type { InstalledBundle } from "./bundle-folder.js";
import type { BundleSource, DeltaReply } from "./bundle-source.js";

/** Below so many missing bytes a request and a process cost more than they save. */
const LEAST_MISSING_BYTES = 64 * 1024;
/** What a difference, its result and their verification leave of the disk, bytes. */
const SPARE_BYTES = 16 * 1024 * 1024;
/** No file of a bundle begins with a dot. */
const PREFIX = ".delta-";
/** Files that a process remembers to have no difference. */
const MOST_REFUSALS = 1_000;

const noteSchema = z.object({ etag: z.string().min(1), bases: z.array(z.string()) });

export interface DeltaFetcherOptions {
  readonly source: BundleSource;
  /** The bundle of the active slot, which stays while another one is fetched. */
  readonly base: () => InstalledBundle | undefined;
  readonly freeBytes: (folder: string) => number;
  readonly logger: Logger;
}

/** A file that may come as a difference. */
export interface WantedFile {
  readonly folder: string;
  readonly bundleId: Digest;
  readonly file: BundleFile;
  /** Bytes of the chunks that are not on this disk. */
  readonly missingBytes: number;
  /** Share of the difference that is here, 0 to 1. */
  readonly onShare: (share: number) => void;
}

export type DeltaOutcome =
  /** The file is in its place, whole and verified. */
  | { readonly kind: "done" }
  /** The difference is being made: ask again after so long. */
  | { readonly kind: "pending"; readonly retryAfterMs: number }
  /** Fetch its chunks. */
  | { readonly kind: "none" };

/**
 * Fetches files as differences to what the device runs. Nothing of a difference is trusted but the digest and length of the file that the signed
 * manifest names; whatever goes wrong, the chunks are fetched instead. A difference that broke off goes on where it was, also in another process.
 */
export class DeltaFetcher {
  readonly #is: DeltaFetcherOptions;
  /** What need not be asked for again, by bundle, file and bases. */
  readonly #refused = new Set<string>();

  constructor(options: DeltaFetcherOptions) {
    this.#is = options;
  }

  /** Puts a file in its place, or says that it has to come otherwise. @throws SartorError SRT_DISK_FULL; the signal's reason */
  async fetch(wanted: WantedFile, signal: AbortSignal): Promise<DeltaOutcome> {
    const { file, missingBytes, bundleId } = wanted;
    const base = this.#is.base();
    if (base === undefined || base.folder === wanted.folder || missingBytes < LEAST_MISSING_BYTES) return NONE;
    let bases = deltaBases(file, [base.manifest.files]);
    if (bases.length === 0 || !this.#fits(wanted)) return NONE;
    const key = (of: readonly Digest[]) => [bundleId, file.digest, ...of].join(" ");
    try {
      for (;;) {
        if (bases.length === 0 || this.#refused.has(key(bases))) return NONE;
        const reply = await this.#open(wanted, bases, signal);
        if (reply.kind === "pending") return reply;
        if (reply.kind === "content") {
          await this.#take(wanted, base, bases, reply, signal);
          return { kind: "done" };
        }
        this.#refuse(key(bases));
        if (reply.kind === "none") {
          this.#is.logger.debug("no difference is offered; its chunks are fetched", {
            file: file.name,
            reason: reply.reason,
          });
          return NONE;
        }
        const known = bases.filter((each) => !reply.digests.includes(each));
        if (known.length === bases.length) return NONE;
        bases = known;
      }
    } catch (thrown) {
      signal.throwIfAborted();
      const { code, message } = SartorError.from(thrown);
      if (code === "SRT_DISK_FULL") throw thrown;
      // A line that broke may be better the next time; what does not apply never will.
      if (code !== "SRT_DOWNLOAD_FAILED") {
        this.#refuse(key(bases));
        this.#remove(wanted);
      }
      this.#is.logger.warn("a difference could not be used; its chunks are fetched instead", {
        file: file.name,
        code,
        message,
      });
      return NONE;
    }
  }

  /** Removes what is left of differences in a folder. */
  static clear(folder: string): void {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      if (name.startsWith(PREFIX)) rmSync(join(folder, name), { force: true });
    }
  }

  /** The difference and what it gives need room beside the file's own place. */
  #fits({ folder, file }: WantedFile): boolean {
    return this.#is.freeBytes(folder) >= mostBytesOf(file) + file.bytes + SPARE_BYTES;
  }

  #open(wanted: WantedFile, bases: readonly Digest[], signal: AbortSignal): Promise<DeltaReply> {
    const { bundleId, file } = wanted;
    const maximumBytes = mostBytesOf(file);
    const partial = this.#partialOf(wanted, bases);
    return this.#is.source.openDelta({ bundleId, file: file.digest, bases, partial, maximumBytes }, signal);
  }

  /** What a former attempt at the same difference left. */
  #partialOf(wanted: WantedFile, bases: readonly Digest[]): { etag: string; bytes: number } | undefined {
    const { content, note } = placesOf(wanted);
    try {
      const { etag, bases: noted } = noteSchema.parse(JSON.parse(readFileSync(note, "utf8")));
      const bytes = statSync(content).size;
      if (noted.join() === bases.join() && bytes > 0 && bytes < mostBytesOf(wanted.file)) return { etag, bytes };
    } catch {
      // There is none, or none that can be read.
    }
    return undefined;
  }

  async #take(
    wanted: WantedFile,
    base: InstalledBundle,
    bases: readonly Digest[],
    { body, etag, offset, totalBytes }: DeltaReply & { kind: "content" },
    signal: AbortSignal,
  ): Promise<void> {
    const { folder, file, onShare } = wanted;
    const { content, note, output } = placesOf(wanted);
    if (offset === 0) writeFileDurably(note, JSON.stringify({ etag, bases }));
    const handle = await open(content, offset === 0 ? "w" : "r+", 0o644);
    try {
      let at = offset;
      for await (const piece of body) {
        signal.throwIfAborted();
        await handle.write(piece, 0, piece.byteLength, at);
        at += piece.byteLength;
        onShare(at / totalBytes);
      }
      if (at < totalBytes) {
        throw new SartorError("SRT_DOWNLOAD_FAILED", `The difference ended after ${at} of ${totalBytes} bytes.`);
      }
      await handle.truncate(totalBytes);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOSPC") throw cause;
      throw new SartorError("SRT_DISK_FULL", "The disk filled up while a difference was written.", { cause });
    } finally {
      await handle.close();
    }
    const files = base.manifest.files.filter(({ digest }) => bases.includes(digest));
    const job = {
      deltaPath: content,
      bases: files.map(({ digest, name }) => ({ digest: hexOf(digest), path: join(base.folder, name) })),
      outputPath: output,
      expected: { digest: hexOf(file.digest), length: file.bytes },
    };
    await applyDeltaInChild(job, signal);
    await rename(output, join(folder, file.name));
    syncFolder(folder);
    this.#remove(wanted);
    this.#is.logger.info("a file came as a difference", { file: file.name, bytes: file.bytes, sentBytes: totalBytes });
  }

  #remove(wanted: WantedFile): void {
    for (const path of Object.values(placesOf(wanted))) rmSync(path, { force: true });
  }

  #refuse(key: string): void {
    if (this.#refused.size >= MOST_REFUSALS) this.#refused.clear();
    this.#refused.add(key);
  }
}

const NONE: DeltaOutcome = { kind: "none" };
const hexOf = (digest: Digest) => digest.slice("sha256:".length);
/** A longer difference is never offered. */
const mostBytesOf = ({ bytes }: BundleFile) => Math.ceil(bytes * DELTA_OFFER.largestShare);

/** Where a file's difference lies while it comes, what is known of it, and what it gives. */
function placesOf({ folder, file }: WantedFile): { content: string; note: string; output: string } {
  const at = join(folder, `${PREFIX}${hexOf(file.digest).slice(0, 16)}`);
  return { content: at, note: `${at}.json`, output: `${at}.out` };
}
