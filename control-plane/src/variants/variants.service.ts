import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  type VariantBuildView,
  type VariantCard,
  type VariantName,
  variantBuildRequestSchema,
} from "@sartor/shared/protocol";
import { Clock, Settings } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { DatasetsService, ModelsService } from "../models/index.js";
import { BuildsRepository } from "./builds.repository.js";
import { BuildsService } from "./builds.service.js";
import { ReferenceBuilder } from "./reference-builder.service.js";
import type { BuiltVariant, OfferedVariant } from "./variant.js";
import { VariantStore } from "./variant-store.service.js";
import { VariantsRepository } from "./variants.repository.js";

/** The variants of model versions: fp32 as soon as a version is registered, the others by builds. */
@Injectable()
export class VariantsService implements OnModuleInit, OnApplicationBootstrap {
  readonly #logger = new Logger(VariantsService.name);

  constructor(
    private readonly settings: Settings,
    private readonly repository: VariantsRepository,
    private readonly buildRows: BuildsRepository,
    private readonly builds: BuildsService,
    private readonly reference: ReferenceBuilder,
    private readonly store: VariantStore,
    private readonly models: ModelsService,
    private readonly datasets: DatasetsService,
    private readonly clock: Clock,
    events: EventBus,
  ) {
    events.on("model.version_added", ({ versionId }) => this.begin(versionId));
    events.on("model.version_withdrawn", ({ versionId }) => this.store.withdraw(versionId));
    events.on("variants.reference_outdated", ({ versionId }) => this.orderByItself(versionId, ["fp32"]));
  }

  async onModuleInit(): Promise<void> {
    await this.repository.clear();
    await this.buildRows.clearClaims();
  }

  /** Variants that an older release made have no card: they are measured now. */
  async onApplicationBootstrap(): Promise<void> {
    const waiting = new Set((await this.buildRows.unfinished()).map(({ versionId }) => versionId));
    for (const versionId of await this.repository.versionsWithoutCard()) {
      if (!waiting.has(versionId)) await this.orderByItself(versionId, ["fp32"]);
    }
  }

  /** @throws SartorError SRT_NOT_FOUND */
  built(variantId: string): Promise<BuiltVariant> {
    return this.repository.built(variantId);
  }

  /**
   * Ids of variants that were replaced before some time, in their order, after one of them. Their content is there until someone lets go of it
   * with {@link retireVariant}.
   */
  replaced(replacedBefore: number, after: string, limit: number): Promise<string[]> {
    return this.repository.findReplaced(replacedBefore, after, limit);
  }

  /** The variants of a version that can be rolled out, one a name, in the order in which they were made. */
  offered(versionId: string): Promise<BuiltVariant[]> {
    return this.repository.offered(versionId);
  }

  /** What plans are made from: the variants of a version that can be rolled out and of which everything is known. */
  async cards(versionId: string): Promise<OfferedVariant[]> {
    const { manifest } = await this.models.record(versionId);
    return (await this.repository.offered(versionId)).flatMap(
      ({ variantId, name, kind, digest, bytes, runtime, golden, card }): OfferedVariant[] =>
        card === null
          ? []
          : [{ variantId, name, kind, digest, bytes, runtime, golden: golden ?? manifest.golden, card }],
    );
  }

  /** @throws SartorError SRT_MODEL_UNKNOWN; SRT_VARIANT_UNKNOWN where no variant of this name is offered */
  async card(model: string, version: string, name: string): Promise<VariantCard> {
    const { versionId } = await this.models.recordOf(model, version);
    const variant = (await this.cards(versionId)).find((offered) => offered.name === name);
    if (variant !== undefined) return variant.card;
    throw new SartorError("SRT_VARIANT_UNKNOWN", `Version ${version} of ${model} has no variant ${name}.`);
  }

  /** @throws SartorError SRT_BUILD_UNKNOWN */
  buildView(buildId: string): Promise<VariantBuildView> {
    return this.builds.view(buildId);
  }

  /** Makes the fp32 variant of a new version and, where the model has samples, orders the others. */
  private async begin(versionId: string): Promise<void> {
    const version = await this.models.record(versionId);
    await this.reference.build(version, async (made) => {
      const variantId = await this.store.keep(versionId, made);
      await this.repository.offer(variantId, { card: made.card, inputs: null, now: this.clock.now() });
    });
    await this.store.announce(versionId);
    if (!this.settings.buildAutomatically) return;
    const { name: model } = version.manifest;
    const found = [await this.datasets.newest(model, "calibration"), await this.datasets.newest(model, "evaluation")];
    if (found.some((dataset) => dataset !== undefined)) await this.orderByItself(versionId, undefined);
  }

  /** Nobody asked for this, so that it fails is no failure of what led here. */
  private async orderByItself(versionId: string, variants: VariantName[] | undefined): Promise<void> {
    try {
      const version = await this.models.record(versionId);
      await this.builds.enqueue(version, variantBuildRequestSchema.parse({ variants }));
    } catch (error) {
      this.#logger.warn(
        `No build was ordered for version ${versionId}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}
