import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DatasetPurpose, DatasetRequest, DatasetView, Page } from "@sartor/shared/protocol";
import { Clock, Ids } from "../config/index.js";
import { BlobCatalog } from "./blob-catalog.service.js";
import { DatasetInspector } from "./dataset-inspector.service.js";
import { DatasetsRepository } from "./datasets.repository.js";
import { ModelsService } from "./models.service.js";

/** An addition's outcome; `created` is false where the very same dataset was there already. */
export interface AddedDataset {
  readonly created: boolean;
  readonly dataset: DatasetView;
}

/** Samples of models, to calibrate and to judge variants with. A dataset never changes. */
@Injectable()
export class DatasetsService {
  constructor(
    private readonly repository: DatasetsRepository,
    private readonly models: ModelsService,
    private readonly blobs: BlobCatalog,
    private readonly inspector: DatasetInspector,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * Adds a dataset out of uploaded content, after looking whether the model's newest version can take its samples.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_BLOB_UNKNOWN, SRT_DATASET_EXISTS, SRT_DATASET_INVALID; SRT_RATE_LIMITED when too many wait
   */
  async add(model: string, request: DatasetRequest): Promise<AddedDataset> {
    const { manifest } = await this.models.newest(model);
    const existing = await this.findSame(model, request);
    if (existing !== undefined) return { created: false, dataset: existing };
    const bytes = await this.blobs.hold(request.content);
    await this.refuseForBoth(model, request);
    const { samples, classCounts } = await this.inspector.inspect(request.content, request.purpose, manifest);
    // Reading takes its time, and datasets are read one after the other: the same content may have been added for the other purpose meanwhile.
    await this.refuseForBoth(model, request);
    const dataset: DatasetView = {
      datasetId: this.ids.ulid(),
      model,
      name: request.name,
      purpose: request.purpose,
      description: request.description ?? null,
      content: request.content,
      bytes,
      samples,
      classCounts,
      createdAt: this.clock.now(),
    };
    if (await this.repository.insert(dataset)) return { created: true, dataset };
    // Another request added the same name at the same time.
    const other = await this.findSame(model, request);
    if (other !== undefined) return { created: false, dataset: other };
    throw new SartorError("SRT_CONFLICT", `The dataset ${request.name} was removed just now; add it again.`);
  }

  /** @throws SartorError SRT_DATASET_UNKNOWN */
  async get(model: string, datasetId: string): Promise<DatasetView> {
    const dataset = await this.repository.find(model, { datasetId });
    if (dataset === undefined) {
      throw new SartorError("SRT_DATASET_UNKNOWN", `The model ${model} has no dataset ${datasetId}.`);
    }
    return dataset;
  }

  /** The dataset that was added last; undefined where there is none for this purpose. */
  newest(model: string, purpose: DatasetPurpose): Promise<DatasetView | undefined> {
    return this.repository.findNewest(model, purpose);
  }

  /** @throws SartorError SRT_MODEL_UNKNOWN */
  async list(model: string, limit: number, cursor: string | undefined): Promise<Page<DatasetView>> {
    await this.models.newest(model);
    return this.repository.list(model, limit, cursor);
  }

  /** @throws SartorError SRT_DATASET_UNKNOWN; SRT_DATASET_IN_USE while a build reads it */
  async remove(model: string, datasetId: string): Promise<void> {
    const { name } = await this.get(model, datasetId);
    if (await this.repository.remove(datasetId)) return;
    await this.get(model, datasetId);
    throw new SartorError("SRT_DATASET_IN_USE", `A build that has not ended reads the dataset ${name}.`);
  }

  /** @throws SartorError SRT_DATASET_EXISTS where the name stands for something else */
  private async findSame(model: string, request: DatasetRequest): Promise<DatasetView | undefined> {
    const dataset = await this.repository.find(model, { name: request.name });
    if (dataset === undefined) return undefined;
    const differs = (["content", "purpose"] as const).filter((field) => dataset[field] !== request[field]);
    if (differs.length === 0) return dataset;
    throw new SartorError(
      "SRT_DATASET_EXISTS",
      `The model ${model} has a dataset ${request.name} with other ${differs.join(" and ")}.`,
      { details: { datasetId: dataset.datasetId, differs } },
    );
  }

  /** Whoever judges a variant by the samples that it was calibrated with fools himself. */
  private async refuseForBoth(model: string, request: DatasetRequest): Promise<void> {
    const same = await this.repository.find(model, { content: request.content });
    if (same === undefined || same.purpose === request.purpose) return;
    throw new SartorError(
      "SRT_DATASET_INVALID",
      `The dataset ${same.name} holds the same samples for ${same.purpose}; take others for ${request.purpose}.`,
      { details: { datasetId: same.datasetId } },
    );
  }
}
