import type { Readable } from "node:stream";
import { Injectable, Logger, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  type BundleManifest,
  bundleManifestSchema,
  type ChunkRef,
  type Digest,
  type ModelVariantView,
} from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { ModelsService, type ModelVersionRecord } from "../models/index.js";
import { BlobStore, type ByteRange } from "../storage/index.js";
import { VariantsService } from "../variants/index.js";
import { BundleBuilder } from "./bundle-builder.service.js";
import { type BundleFileRecord, type BundleRecord, BundlesRepository } from "./bundles.repository.js";

/** What can be installed: bundles, made out of variants, read by devices. */
@Injectable()
export class BundlesService implements OnModuleInit {
  readonly #logger = new Logger(BundlesService.name);

  constructor(
    private readonly repository: BundlesRepository,
    private readonly builder: BundleBuilder,
    private readonly variants: VariantsService,
    private readonly models: ModelsService,
    private readonly store: BlobStore,
    private readonly clock: Clock,
    private readonly events: EventBus,
  ) {
    events.on("variant.built", ({ variantId }) => this.bundle(variantId));
    events.on("variant.discarded", ({ variantId }) => this.repository.dropOfVariant(variantId));
    events.on("variants.offered", ({ versionId }) => this.show(versionId));
  }

  async onModuleInit(): Promise<void> {
    await this.repository.dropOrphanReferences();
    for (const bundleId of await this.repository.withoutFiles()) await this.learnFiles(bundleId);
  }

  /** The bundles of a model version that can be rolled out, one a variant, in the order in which these were made. */
  async ofVersion(model: string, version: string): Promise<BundleRecord[]> {
    const record = await this.models.find(model, version);
    return record === undefined ? [] : this.offered(record);
  }

  /** The bundles of some variants, by the variants' ids, whether these are offered still or were replaced; those that were removed have none. */
  ofVariants(variantIds: readonly string[]): Promise<Map<string, BundleRecord>> {
    return this.repository.ofVariants(variantIds);
  }

  /** A bundle; undefined where there is none. */
  find(bundleId: Digest): Promise<BundleRecord | undefined> {
    return this.repository.find(bundleId);
  }

  /** @throws SartorError SRT_BUNDLE_UNKNOWN */
  async get(bundleId: Digest): Promise<BundleRecord> {
    const bundle = await this.find(bundleId);
    if (bundle === undefined) throw new SartorError("SRT_BUNDLE_UNKNOWN", `There is no bundle ${bundleId}.`);
    return bundle;
  }

  /**
   * Size of content that belongs to a bundle, bytes.
   *
   * @throws SartorError SRT_BLOB_UNKNOWN where there is none, or it is no bundle's
   */
  async sizeOf(digest: Digest): Promise<number> {
    const bytes = (await this.repository.isBundled(digest)) ? await this.store.size(digest) : undefined;
    if (bytes === undefined)
      throw new SartorError("SRT_BLOB_UNKNOWN", `No bundle has content with the digest ${digest}.`);
    return bytes;
  }

  /** The files of some bundles, by the bundles' ids; a bundle that is none has none. */
  filesOf(bundleIds: readonly Digest[]): Promise<Map<Digest, BundleFileRecord[]>> {
    return this.repository.filesOf(bundleIds);
  }

  /** Of some digests, those that are files of bundles. */
  async knownFiles(digests: readonly Digest[]): Promise<Set<Digest>> {
    return new Set((await this.repository.bundlesWith(digests)).keys());
  }

  /** The chunks of some files, by the files' digests; those that no bundle has are left out. Reads their manifests: not for requests. */
  async chunksOf(digests: readonly Digest[]): Promise<Map<Digest, readonly ChunkRef[]>> {
    const chunks = new Map<Digest, readonly ChunkRef[]>();
    for (const [digest, bundleId] of await this.repository.bundlesWith(digests)) {
      const file = (await this.manifest(bundleId)).files.find((each) => each.digest === digest);
      if (file !== undefined) chunks.set(digest, file.chunks);
    }
    return chunks;
  }

  /** Opens content for reading. */
  async open(digest: Digest, range: ByteRange | undefined): Promise<Readable> {
    return (await this.store.open(digest, range)).stream;
  }

  private async bundle(variantId: string): Promise<void> {
    if ((await this.repository.ofVariant(variantId)) !== undefined) return;
    const variant = await this.variants.built(variantId);
    const version = await this.models.record(variant.versionId);
    const { bundleId, manifest, manifestBytes, digests } = await this.builder.build(variant, version);
    const { model, version: number, totalBytes } = manifest;
    await this.repository.insert(
      { bundleId, variantId, model, version: number, manifestBytes, totalBytes },
      digests,
      this.clock.now(),
      manifest.files,
    );
  }

  private async manifest(bundleId: Digest): Promise<BundleManifest> {
    const { stream } = await this.store.open(bundleId);
    const parts: Uint8Array[] = [];
    for await (const part of stream) parts.push(part as Uint8Array);
    return bundleManifestSchema.parse(JSON.parse(Buffer.concat(parts).toString("utf8")));
  }

  /** Of a bundle that an older release made: without its files no difference is offered from or to it, and nothing else is missing. */
  private async learnFiles(bundleId: Digest): Promise<void> {
    try {
      await this.repository.addFiles(bundleId, (await this.manifest(bundleId)).files);
    } catch (error) {
      this.#logger.error(`The manifest of ${bundleId} cannot be read: ${error}`);
    }
  }

  /** Brings what a version's page shows up to date. */
  private async show(versionId: string): Promise<void> {
    const record = await this.models.record(versionId);
    const bundles = new Map((await this.offered(record)).map((entry) => [entry.variantId, entry.bundleId]));
    const views = (await this.variants.offered(versionId)).flatMap((variant): ModelVariantView[] => {
      const bundleId = bundles.get(variant.variantId);
      if (bundleId === undefined) return [];
      const { variantId, name, kind, digest, bytes, card } = variant;
      const accuracy = card?.accuracy?.accuracy ?? null;
      return [{ variantId, name, kind, digest, bytes, bundleId, accuracy, floatLayers: card?.floatLayers.length ?? 0 }];
    });
    await this.models.setVariants(versionId, views);
    const { name: model, version } = record.manifest;
    if (record.ready) this.events.emit("model.changed", { model, version });
  }

  private async offered({ versionId, manifest }: ModelVersionRecord): Promise<BundleRecord[]> {
    const offered = new Set((await this.variants.offered(versionId)).map(({ variantId }) => variantId));
    const bundles = await this.repository.ofVersion(manifest.name, manifest.version);
    return bundles.filter(({ variantId }) => offered.has(variantId));
  }
}
