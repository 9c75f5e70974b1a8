import { Injectable } from "@nestjs/common";
import type { RuntimeSettings } from "@sartor/shared/protocol";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { ModelsService } from "../models/index.js";
import { type BuiltVariant, VariantsRepository } from "./variants.repository.js";

/**
 * How the fp32 variant runs anywhere: on the CPU that every device has, on one core, without spinning, which costs a
 * third of the CPU time at batch 1 and gains nothing.
 */
const FP32_RUNTIME: RuntimeSettings = {
  adapter: "onnxruntime-node",
  executionProviders: ["cpu"],
  intraOpThreads: 1,
  graphOptimizationLevel: "all",
  sessionConfig: { "session.intra_op.allow_spinning": "0" },
  providerOptions: {},
};

/** Makes the variants of a model version, each by a job. The fp32 variant is the model as it was uploaded. */
@Injectable()
export class VariantsService {
  constructor(
    private readonly repository: VariantsRepository,
    private readonly models: ModelsService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    events.on("model.version_added", ({ versionId }) => this.make(versionId));
  }

  /** @throws SartorError SRT_NOT_FOUND */
  built(variantId: string): Promise<BuiltVariant> {
    return this.repository.built(variantId);
  }

  /** The variants of a version whose content is there. */
  ofVersion(versionId: string): Promise<BuiltVariant[]> {
    return this.repository.ofVersion(versionId);
  }

  private async make(versionId: string): Promise<void> {
    const { model } = await this.models.record(versionId);
    const variantId = this.ids.ulid();
    const variant = { variantId, versionId, name: "fp32", precision: "fp32", runtime: FP32_RUNTIME } as const;
    await this.repository.enqueue(variant, this.clock.now());
    await this.repository.finish(variantId, model, this.clock.now());
    await this.events.emitAndWait("variant.built", { variantId });
  }
}
