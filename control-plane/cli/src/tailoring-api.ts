import {
  type DatasetPurpose,
  type DatasetView,
  datasetViewSchema,
  type FirmwareProfileView,
  firmwareProfilesReplySchema,
  type TailoringPlan,
  type TailoringPlanRequest,
  type TuningRequest,
  type TuningView,
  tailoringPlanSchema,
  tuningViewSchema,
  uploadReplySchema,
  type VariantBuildRequest,
  type VariantBuildView,
  type VariantCard,
  variantBuildViewSchema,
  variantCardSchema,
} from "@sartor/shared/protocol";
import type { ApiClient } from "./api-client.js";

/** A model version by its name. */
export interface VersionKey {
  readonly model: string;
  readonly version: string;
}

/** Samples in a file, to be registered. */
export interface NewDataset {
  readonly name: string;
  readonly purpose: DatasetPurpose;
  /** A safetensors file. */
  readonly file: string;
  readonly description?: string | undefined;
}

/** The part of the REST interface about variants: datasets, builds, cards, plans, tunings. Every method throws as {@link ApiClient} does. */
export class TailoringApi {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  datasets(model: string): Promise<DatasetView[]> {
    return this.#api.getAll(`${modelPath(model)}/datasets`, datasetViewSchema);
  }

  /** Uploads the file and registers it. */
  async addDataset(model: string, { name, purpose, file, description }: NewDataset): Promise<DatasetView> {
    const { digest } = await this.#api.postFile("/api/v1/uploads", file, uploadReplySchema);
    const request = { name, purpose, content: digest, ...(description === undefined ? {} : { description }) };
    return this.#api.post(`${modelPath(model)}/datasets`, request, datasetViewSchema);
  }

  removeDataset(model: string, datasetId: string): Promise<void> {
    return this.#api.delete(`${modelPath(model)}/datasets/${encodeURIComponent(datasetId)}`);
  }

  builds(key: VersionKey): Promise<VariantBuildView[]> {
    return this.#api.getAll(`${versionPath(key)}/builds`, variantBuildViewSchema);
  }

  startBuild(key: VersionKey, request: VariantBuildRequest): Promise<VariantBuildView> {
    return this.#api.post(`${versionPath(key)}/builds`, request, variantBuildViewSchema);
  }

  build(buildId: string): Promise<VariantBuildView> {
    return this.#api.get(`/api/v1/builds/${encodeURIComponent(buildId)}`, variantBuildViewSchema);
  }

  cancelBuild(buildId: string): Promise<VariantBuildView> {
    return this.#api.post(`/api/v1/builds/${encodeURIComponent(buildId)}/cancel`, {}, variantBuildViewSchema);
  }

  card(key: VersionKey, variant: string): Promise<VariantCard> {
    return this.#api.get(`${versionPath(key)}/variants/${encodeURIComponent(variant)}/card`, variantCardSchema);
  }

  async profiles(): Promise<readonly FirmwareProfileView[]> {
    return (await this.#api.get("/api/v1/firmware-profiles", firmwareProfilesReplySchema)).profiles;
  }

  /** Which variant a device would get and why; changes nothing. */
  plan(request: TailoringPlanRequest): Promise<TailoringPlan> {
    return this.#api.post("/api/v1/tailoring/plans", request, tailoringPlanSchema);
  }

  tunings(deviceId: string): Promise<TuningView[]> {
    return this.#api.getAll(`/api/v1/devices/${encodeURIComponent(deviceId)}/tunings`, tuningViewSchema);
  }

  startTuning(deviceId: string, request: TuningRequest): Promise<TuningView> {
    return this.#api.post(`/api/v1/devices/${encodeURIComponent(deviceId)}/tunings`, request, tuningViewSchema);
  }

  tuning(tuningId: string): Promise<TuningView> {
    return this.#api.get(`/api/v1/tunings/${encodeURIComponent(tuningId)}`, tuningViewSchema);
  }

  cancelTuning(tuningId: string): Promise<TuningView> {
    return this.#api.post(`/api/v1/tunings/${encodeURIComponent(tuningId)}/cancel`, {}, tuningViewSchema);
  }
}

const modelPath = (model: string): string => `/api/v1/models/${encodeURIComponent(model)}`;

/** Path of a model version. */
export const versionPath = ({ model, version }: VersionKey): string =>
  `${modelPath(model)}/versions/${encodeURIComponent(version)}`;
