import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Injectable, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { ChunkRef, Digest } from "@sartor/shared/protocol";
import { BundlesService } from "../bundles/index.js";
import { Settings } from "../config/index.js";
import { BlobCatalog } from "../models/index.js";
import { BlobStore, type StoredBlob } from "../storage/index.js";
import { missingChunkBytes, mostDeltaBytes } from "./delta-cost.js";
import type { DeltaFile } from "./delta-job.js";
import type { DeltaPair } from "./delta-pair.js";
import { DeltaWorker } from "./delta-worker.service.js";

/** What came of a pair. */
export type MadeDelta =
  /** The content is stored, and nothing refers to it yet. */
  | { readonly kind: "made"; readonly chunkBytes: number; readonly blob: StoredBlob }
  | { readonly kind: "not_worth_it"; readonly chunkBytes: number }
  /** One of the files is no bundle's any more. */
  | { readonly kind: "unknown" };

/** Makes differences from what is in the blob store; no file is ever in memory as a whole. */
@Injectable()
export class DeltaMaker implements OnModuleInit {
  readonly #folder: string;

  constructor(
    private readonly settings: Settings,
    private readonly bundles: BundlesService,
    private readonly store: BlobStore,
    private readonly blobs: BlobCatalog,
    private readonly worker: DeltaWorker,
  ) {
    this.#folder = join(settings.stateDir, "differencing");
  }

  async onModuleInit(): Promise<void> {
    // What a killed process left.
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  /**
   * Makes the difference of a pair, unless another way costs a device fewer bytes.
   *
   * @throws SartorError as {@link DeltaWorker.run}; SRT_DELTA_NOT_OFFERED where it would take more than all differences may
   */
  async make({ target, bases }: DeltaPair, signal: AbortSignal): Promise<MadeDelta> {
    const chunks = await this.bundles.chunksOf([target, ...bases]);
    const ofTarget = chunks.get(target);
    const ofBases = bases.flatMap((base) => (chunks.has(base) ? [chunks.get(base) ?? []] : []));
    if (ofTarget === undefined || ofBases.length < bases.length) return { kind: "unknown" };
    const chunkBytes = missingChunkBytes(ofTarget, ofBases);
    const worthBytes = mostDeltaBytes(bytesOf(ofTarget), chunkBytes);
    const mostBytes = Math.min(worthBytes, this.settings.deltaStoreBytes);
    if (worthBytes === 0) return { kind: "not_worth_it", chunkBytes };
    const folder = await mkdtemp(join(this.#folder, "delta-"));
    try {
      const files: DeltaFile[] = [];
      for (const [index, digest] of [target, ...bases].entries()) {
        files.push(await this.copy(digest, chunks.get(digest) ?? [], join(folder, String(index)), signal));
      }
      const [targetFile, ...baseFiles] = files as [DeltaFile, ...DeltaFile[]];
      const outputPath = join(folder, "delta");
      const job = { target: targetFile, bases: baseFiles, outputPath, mostBytes };
      const outcome = await this.worker.run(job, signal);
      if (outcome.kind === "not_worth_it") {
        if (mostBytes === worthBytes) return { kind: "not_worth_it", chunkBytes };
        throw new SartorError("SRT_DELTA_NOT_OFFERED", "It is longer than all differences together may be.");
      }
      const blob = await this.blobs.put(createReadStream(outputPath), { maximumBytes: mostBytes });
      return { kind: "made", chunkBytes, blob };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Puts a file together out of its chunks. Whether it is what it should be the worker finds out. */
  private async copy(
    digest: Digest,
    chunks: readonly ChunkRef[],
    path: string,
    signal: AbortSignal,
  ): Promise<DeltaFile> {
    const { store } = this;
    async function* content(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) yield* (await store.open(chunk.digest)).stream;
    }
    await pipeline(content, createWriteStream(path, { mode: 0o600 }), { signal });
    return { path, digest, bytes: bytesOf(chunks) };
  }
}

const bytesOf = (chunks: readonly ChunkRef[]) => chunks.reduce((sum, { bytes }) => sum + bytes, 0);
