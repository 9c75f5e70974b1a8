import { Injectable, Logger, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  describeProblems,
  type ModelManifest,
  type ModelVersionRequest,
  type ModelVersionView,
  modelManifestSchema,
  type Page,
} from "@sartor/shared/protocol";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { BlobCatalog } from "./blob-catalog.service.js";
import { canonicalJson } from "./canonical-json.js";
import { ModelVerifier } from "./model-verifier.service.js";
import { ModelsRepository, type ModelVersionRecord } from "./models.repository.js";

/** A registration's outcome; `created` is false where the very same version was there already. */
export interface Registered {
  readonly created: boolean;
  readonly version: ModelVersionView;
}

/** Models and their versions. A version never changes, and nobody sees it before its variants and bundles are there. */
@Injectable()
export class ModelsService implements OnModuleInit {
  readonly #logger = new Logger(ModelsService.name);

  constructor(
    private readonly repository: ModelsRepository,
    private readonly blobs: BlobCatalog,
    private readonly verifier: ModelVerifier,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /** Versions whose making was cut off by the end of the process are removed: whoever registered them was told nothing. */
  async onModuleInit(): Promise<void> {
    for (const versionId of await this.repository.findUnready()) {
      await this.repository.remove(versionId);
      this.#logger.warn(`Removed model version ${versionId}, whose registration was cut off.`);
    }
  }

  /**
   * Registers a version of a model: checks manifest, model and golden vectors, then has variants and bundles made.
   *
   * @throws SartorError SRT_MANIFEST_INVALID, SRT_BLOB_UNKNOWN, SRT_MODEL_EXISTS, SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED,
   *   SRT_MODEL_SHAPE_MISMATCH, SRT_MODEL_LABELS_MISMATCH, SRT_GOLDEN_INVALID, SRT_GOLDEN_MISMATCH, SRT_QUANTIZE_OPSET,
   *   SRT_QUANTIZE_NOT_FINITE; SRT_RATE_LIMITED when too many wait
   */
  async register(model: string, request: ModelVersionRequest): Promise<Registered> {
    const manifest = parseManifest(request.manifest, model);
    const existing = await this.findSame(manifest, request);
    if (existing !== undefined) return { created: false, version: existing };
    const bytes = await this.blobs.hold(request.model);
    await this.blobs.hold(request.golden);
    const { info } = await this.verifier.verify(request.model, request.golden, manifest);
    const versionId = this.ids.ulid();
    const inserted = await this.repository.insert(
      {
        versionId,
        createdAt: this.clock.now(),
        manifest: canonicalJson(manifest),
        model: { digest: request.model, bytes },
        golden: request.golden,
        info,
      },
      { model: manifest.name, version: manifest.version },
    );
    if (!inserted) return this.overtaken(manifest, request);
    try {
      await this.events.emitAndWait("model.version_added", { versionId });
      await this.repository.publish(versionId, this.clock.now());
    } catch (error) {
      await this.withdraw(versionId);
      throw error;
    }
    this.events.emit("model.changed", { model: manifest.name, version: manifest.version });
    return { created: true, version: await this.get(manifest.name, manifest.version) };
  }

  /** @throws SartorError SRT_MODEL_UNKNOWN */
  async get(model: string, version: string): Promise<ModelVersionView> {
    const view = await this.repository.findView(model, version);
    if (view === undefined) {
      throw new SartorError("SRT_MODEL_UNKNOWN", `There is no version ${version} of a model ${model}.`);
    }
    return view;
  }

  list(limit: number, cursor: string | undefined): Promise<Page<ModelVersionView>> {
    return this.repository.list(limit, cursor);
  }

  /** A version for later modules, made visible or not. */
  async record(versionId: string): Promise<ModelVersionRecord> {
    const record = await this.repository.findRecord({ versionId });
    if (record === undefined) throw new SartorError("SRT_MODEL_UNKNOWN", `There is no model version ${versionId}.`);
    return record;
  }

  /** A version that is visible, for later modules; undefined where there is none. */
  async find(model: string, version: string): Promise<ModelVersionRecord | undefined> {
    const record = await this.repository.findRecord({ model, version });
    return record?.ready === true ? record : undefined;
  }

  /**
   * The same.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN
   */
  async recordOf(model: string, version: string): Promise<ModelVersionRecord> {
    const record = await this.find(model, version);
    if (record === undefined) {
      throw new SartorError("SRT_MODEL_UNKNOWN", `There is no version ${version} of a model ${model}.`);
    }
    return record;
  }

  /**
   * The version of a model that was registered last.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN
   */
  async newest(model: string): Promise<ModelVersionRecord> {
    const record = await this.repository.findNewest(model);
    if (record === undefined) throw new SartorError("SRT_MODEL_UNKNOWN", `There is no model ${model}.`);
    return record;
  }

  /** Told by later modules: multiply-accumulates of one inference. */
  setMacs(versionId: string, macs: number): Promise<void> {
    return this.repository.setMacs(versionId, macs);
  }

  /** Told by later modules: the variants of a version that can be rolled out. */
  setVariants(versionId: string, variants: ModelVersionView["variants"]): Promise<void> {
    return this.repository.setVariants(versionId, variants);
  }

  /** Removes a version that could not be made, with what later modules made of it; what they fail to remove goes at the next start. */
  private async withdraw(versionId: string): Promise<void> {
    await this.events.emitAndWait("model.version_withdrawn", { versionId }).catch(() => undefined);
    await this.repository.remove(versionId);
  }

  /** Another request registered the same name at the same time. */
  private async overtaken(manifest: ModelManifest, request: ModelVersionRequest): Promise<Registered> {
    const version = await this.findSame(manifest, request);
    if (version !== undefined) return { created: false, version };
    throw new SartorError(
      "SRT_CONFLICT",
      `Version ${manifest.version} of ${manifest.name} is being registered right now; ask again in a moment.`,
    );
  }

  /** @throws SartorError SRT_MODEL_EXISTS where the version is there with other content */
  private async findSame(manifest: ModelManifest, request: ModelVersionRequest): Promise<ModelVersionView | undefined> {
    const record = await this.repository.findRecord({ model: manifest.name, version: manifest.version });
    if (record === undefined) return undefined;
    const differs = [
      canonicalJson(record.manifest) === canonicalJson(manifest) ? [] : ["manifest"],
      record.model.digest === request.model ? [] : ["model"],
      record.golden === request.golden ? [] : ["golden vectors"],
    ].flat();
    if (differs.length > 0) {
      throw new SartorError(
        "SRT_MODEL_EXISTS",
        `Version ${manifest.version} of ${manifest.name} exists with other content (${differs.join(", ")}).`,
        { details: { differs } },
      );
    }
    return record.ready ? this.get(manifest.name, manifest.version) : undefined;
  }
}

function parseManifest(value: unknown, model: string): ModelManifest {
  const parsed = modelManifestSchema.safeParse(value);
  const problems = parsed.success
    ? parsed.data.name === model
      ? []
      : [`name: is ${parsed.data.name}, but the address says ${model}`]
    : describeProblems(parsed.error);
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new SartorError("SRT_MANIFEST_INVALID", `The manifest does not fit: ${problems.join("; ")}`, {
    details: { problems },
  });
}
