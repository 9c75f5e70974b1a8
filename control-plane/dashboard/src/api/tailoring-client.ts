import type {
  DatasetRequest,
  DatasetView,
  FirmwareProfileView,
  Page,
  TailoringPlan,
  TailoringPlanRequest,
  TuningMeasurement,
  TuningRequest,
  TuningView,
  UploadReply,
  VariantBuildRequest,
  VariantBuildView,
  VariantCard,
} from "@sartor/shared/protocol";
import type { Transport } from "./transport.js";
import { uploadFile } from "./upload-file.js";

/** A version of a model by its name. */
export interface VersionKey {
  readonly model: string;
  readonly version: string;
}

/** Everything about variants of models and what devices make of them. Every method throws an `ApiError`. */
export class TailoringClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  datasets(model: string, signal: AbortSignal): Promise<DatasetView[]> {
    return this.#transport.all(`${modelPath(model)}/datasets`, signal);
  }

  addDataset(model: string, request: DatasetRequest, signal: AbortSignal): Promise<DatasetView> {
    return this.#transport.request("POST", `${modelPath(model)}/datasets`, signal, request);
  }

  removeDataset(model: string, datasetId: string, signal: AbortSignal): Promise<unknown> {
    return this.#transport.request("DELETE", `${modelPath(model)}/datasets/${encodeURIComponent(datasetId)}`, signal);
  }

  /** Stores a file under its digest. `onProgress` is told the share that was sent, 0 to 1. */
  upload(file: Blob, onProgress: (share: number) => void, signal: AbortSignal): Promise<UploadReply> {
    return uploadFile("/api/v1/uploads", file, this.#transport, onProgress, signal);
  }

  builds(key: VersionKey, signal: AbortSignal): Promise<VariantBuildView[]> {
    return this.#transport.all(`${versionPath(key)}/builds`, signal);
  }

  startBuild(key: VersionKey, request: VariantBuildRequest, signal: AbortSignal): Promise<VariantBuildView> {
    return this.#transport.request("POST", `${versionPath(key)}/builds`, signal, request);
  }

  cancelBuild(buildId: string, signal: AbortSignal): Promise<VariantBuildView> {
    return this.#transport.request("POST", `/api/v1/builds/${encodeURIComponent(buildId)}/cancel`, signal);
  }

  card(key: VersionKey, variant: string, signal: AbortSignal): Promise<VariantCard> {
    return this.#transport.request("GET", `${versionPath(key)}/variants/${encodeURIComponent(variant)}/card`, signal);
  }

  /** The newest things that devices measured of a version, newest first. */
  async measurements(key: VersionKey, limit: number, signal: AbortSignal): Promise<readonly TuningMeasurement[]> {
    const path = `${versionPath(key)}/measurements?limit=${limit}`;
    return (await this.#transport.request<Page<TuningMeasurement>>("GET", path, signal)).items;
  }

  async profiles(signal: AbortSignal): Promise<readonly FirmwareProfileView[]> {
    const reply = await this.#transport.request<{ profiles: FirmwareProfileView[] }>(
      "GET",
      "/api/v1/firmware-profiles",
      signal,
    );
    return reply.profiles;
  }

  /** Asks which variant a device would get and why; changes nothing. */
  plan(request: TailoringPlanRequest, signal: AbortSignal): Promise<TailoringPlan> {
    return this.#transport.request("POST", "/api/v1/tailoring/plans", signal, request);
  }

  tunings(deviceId: string, signal: AbortSignal): Promise<TuningView[]> {
    return this.#transport.all(`/api/v1/devices/${encodeURIComponent(deviceId)}/tunings`, signal);
  }

  startTuning(deviceId: string, request: TuningRequest, signal: AbortSignal): Promise<TuningView> {
    return this.#transport.request("POST", `/api/v1/devices/${encodeURIComponent(deviceId)}/tunings`, signal, request);
  }

  cancelTuning(tuningId: string, signal: AbortSignal): Promise<TuningView> {
    return this.#transport.request("POST", `/api/v1/tunings/${encodeURIComponent(tuningId)}/cancel`, signal);
  }
}

function modelPath(model: string): string {
  return `/api/v1/models/${encodeURIComponent(model)}`;
}

function versionPath({ model, version }: VersionKey): string {
  return `${modelPath(model)}/versions/${encodeURIComponent(version)}`;
}
