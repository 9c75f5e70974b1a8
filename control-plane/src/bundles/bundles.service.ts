import type { Readable } from "node:stream";
import { Injectable, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { Digest } from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { ModelsService } from "../models/index.js";
import { BlobStore, type ByteRange } from "../storage/index.js";
import { VariantsService } from "../variants/index.js";
import { BundleBuilder } from "./bundle-builder.service.js";
import { type BundleRecord, BundlesRepository } from "./bundles.repository.js";

/** What can be installed: bundles, made out of variants, read by devices. */
@Injectable()
export class BundlesService implements OnModuleInit {
  constructor(
    private readonly repository: BundlesRepository,
    private readonly builder: BundleBuilder,
    private readonly variants: VariantsService,
    private readonly models: ModelsService,
    private readonly store: BlobStore,
    private readonly clock: Clock,
    events: EventBus,
  ) {
    events.on("variant.built", ({ variantId }) => this.bundle(variantId));
  }

  async onModuleInit(): Promise<void> {
    await this.repository.dropOrphanReferences();
  }

  /** The bundles of a model version, one a variant. */
  ofVersion(model: string, version: string): Promise<BundleRecord[]> {
    return this.repository.ofVersion(model, version);
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

  /** Opens content for reading. */
  async open(digest: Digest, range: ByteRange | undefined): Promise<Readable> {
    return (await this.store.open(digest, range)).stream;
  }

  private async bundle(variantId: string): Promise<void> {
    const variant = await this.variants.built(variantId);
    const version = await this.models.record(variant.versionId);
    const { bundleId, manifest, manifestBytes, digests } = await this.builder.build(variant, version);
    const { model, version: number, totalBytes } = manifest;
    await this.repository.insert(
      { bundleId, variantId, model, version: number, manifestBytes, totalBytes },
      digests,
      this.clock.now(),
    );
    const bundles = new Map((await this.ofVersion(model, number)).map((entry) => [entry.variantId, entry.bundleId]));
    const variants = await this.variants.ofVersion(variant.versionId);
    await this.models.setVariants(
      variant.versionId,
      variants.flatMap(({ variantId: id, name, precision, digest, bytes }) => {
        const bundled = bundles.get(id);
        return bundled === undefined
          ? []
          : [
              {
                variantId: id,
                name,
                kind: precision,
                digest,
                bytes,
                bundleId: bundled,
                accuracy: null,
                floatLayers: 0,
              },
            ];
      }),
    );
  }
}
