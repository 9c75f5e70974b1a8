import { createHash } from "node:crypto";
import { Injectable } from "@nestjs/common";
import {
  type BundleFile,
  type BundleManifest,
  bundleManifestSchema,
  type ChunkRef,
  type Digest,
  LIMITS,
} from "@sartor/shared/protocol";
import { BlobCatalog, canonicalJson, type ModelVersionRecord } from "../models/index.js";
import { BlobStore } from "../storage/index.js";
import type { BuiltVariant } from "../variants/index.js";
import { cutChunks } from "./cut-chunks.js";

/** Chunks that are written at once; each waits for the disk. */
const WRITES_AT_ONCE = 4;
const MODEL_FILE = "model.onnx";
const GOLDEN_FILE = "golden.safetensors";

/** A bundle whose content is stored. */
export interface BuiltBundle {
  readonly bundleId: Digest;
  readonly manifest: BundleManifest;
  readonly manifestBytes: number;
  /** Everything that belongs to it: the manifest and all chunks. */
  readonly digests: ReadonlySet<Digest>;
}

/** Cuts a variant's files into chunks and writes the manifest that names them. */
@Injectable()
export class BundleBuilder {
  constructor(
    private readonly store: BlobStore,
    private readonly blobs: BlobCatalog,
  ) {}

  async build(variant: BuiltVariant, version: ModelVersionRecord): Promise<BuiltBundle> {
    const files = [await this.cut(MODEL_FILE, variant.digest), await this.cut(GOLDEN_FILE, variant.goldenDigest)];
    const manifest = bundleManifestSchema.parse({
      schemaVersion: 1,
      model: version.manifest.name,
      version: version.manifest.version,
      variant: { name: variant.name, kind: variant.kind, golden: variant.golden ?? version.manifest.golden },
      runtime: variant.runtime,
      modelManifest: version.manifest,
      entry: { model: MODEL_FILE, golden: GOLDEN_FILE },
      files,
      totalBytes: files.reduce((sum, file) => sum + file.bytes, 0),
    } satisfies BundleManifest);
    const bytes = Buffer.from(canonicalJson(manifest), "utf8");
    const { digest: bundleId } = await this.blobs.put(once(bytes), { maximumBytes: LIMITS.bundleManifestBytes });
    const chunks = files.flatMap((file) => file.chunks.map((chunk) => chunk.digest));
    return { bundleId, manifest, manifestBytes: bytes.byteLength, digests: new Set([bundleId, ...chunks]) };
  }

  /** Stores a file's chunks; at most {@link WRITES_AT_ONCE} of them are in memory. */
  private async cut(name: string, digest: Digest): Promise<BundleFile> {
    const { stream, totalBytes } = await this.store.open(digest);
    const whole = createHash("sha256");
    const chunks: ChunkRef[] = [];
    let writing: Promise<ChunkRef>[] = [];
    const settle = async () => {
      chunks.push(...(await Promise.all(writing)));
      writing = [];
    };
    for await (const chunk of cutChunks(stream, LIMITS.chunkBytes)) {
      whole.update(chunk);
      writing.push(this.blobs.put(once(chunk), { maximumBytes: LIMITS.chunkBytes }));
      if (writing.length === WRITES_AT_ONCE) await settle();
    }
    await settle();
    if (`sha256:${whole.digest("hex")}` !== digest) throw new Error(`The stored content ${digest} is damaged.`);
    return { name, bytes: totalBytes, digest, chunks };
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
