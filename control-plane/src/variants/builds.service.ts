import { Injectable } from "@nestjs/common";
import { suitableVariants } from "@sartor/onnx";
import { SartorError } from "@sartor/shared/errors";
import type { DatasetPurpose, Page, VariantBuildOrder, VariantBuildView, VariantName } from "@sartor/shared/protocol";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { DatasetsService, ModelsService, type ModelVersionRecord } from "../models/index.js";
import { overallProgress } from "./build-progress.js";
import { BuildRunner } from "./build-runner.service.js";
import { BuildsRepository } from "./builds.repository.js";
import type { ChosenDataset, StoredBuild } from "./stored-build.js";
import { VariantsRepository } from "./variants.repository.js";

/** Builds that may wait for their turn. */
const MOST_WAITING = 32;

/** Orders of builds, and how they stand. The runner makes the progress. */
@Injectable()
export class BuildsService {
  constructor(
    private readonly repository: BuildsRepository,
    private readonly variants: VariantsRepository,
    private readonly runner: BuildRunner,
    private readonly models: ModelsService,
    private readonly datasets: DatasetsService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * Orders a build.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_DATASET_UNKNOWN, SRT_DATASET_INVALID (of the other purpose), SRT_QUANTIZE_NOTHING;
   *   SRT_RATE_LIMITED when too many wait
   */
  async order(model: string, version: string, order: VariantBuildOrder): Promise<VariantBuildView> {
    return this.enqueue(await this.models.recordOf(model, version), order);
  }

  /** As {@link order}, of a version that may not be visible yet: its build waits until it is. */
  async enqueue(version: ModelVersionRecord, order: VariantBuildOrder): Promise<VariantBuildView> {
    const { name: model } = version.manifest;
    const calibration = await this.choose(model, "calibration", order.calibration);
    const evaluation = await this.choose(model, "evaluation", order.evaluation);
    const names = order.variants ?? (await this.suitable(version, calibration !== null));
    const build: StoredBuild = {
      buildId: this.ids.ulid(),
      versionId: version.versionId,
      status: "queued",
      order: {
        ...order,
        variants: [...new Set(names)],
        calibration: calibration?.datasetId ?? null,
        evaluation: evaluation?.datasetId ?? null,
      },
      calibration,
      evaluation,
      steps: [...new Set(names)].map((name) => ({ name, status: "queued", variantId: null, error: null })),
      attempts: 0,
      error: null,
      createdAt: this.clock.now(),
      startedAt: null,
      finishedAt: null,
    };
    if (!(await this.repository.insert(build, MOST_WAITING))) {
      throw new SartorError(
        "SRT_RATE_LIMITED",
        `${MOST_WAITING} builds wait already; try again when some have ended.`,
        {
          details: { retryAfterSeconds: 60 },
        },
      );
    }
    const { buildId } = build;
    this.events.emit("build.changed", { buildId });
    // Read before the runner gets busy, so that the answer need not wait for it.
    const view = await this.view(buildId);
    this.runner.kick();
    return view;
  }

  /** @throws SartorError SRT_BUILD_UNKNOWN */
  async view(buildId: string): Promise<VariantBuildView> {
    const build = await this.repository.find(buildId);
    if (build === undefined) throw new SartorError("SRT_BUILD_UNKNOWN", `There is no build ${buildId}.`);
    return this.toView(build, await this.models.record(build.versionId));
  }

  /**
   * A version's builds, newest first.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN
   */
  async list(model: string, version: string, limit: number, cursor?: string): Promise<Page<VariantBuildView>> {
    const record = await this.models.recordOf(model, version);
    const builds = await this.repository.ofVersion(record.versionId, limit + 1, cursor);
    const items = builds.slice(0, limit).map((build) => this.toView(build, record));
    return { items, nextCursor: builds.length > limit ? (items.at(-1)?.buildId ?? null) : null };
  }

  /**
   * Ends a build at once; what it made stays offered.
   *
   * @throws SartorError SRT_BUILD_UNKNOWN; SRT_CONFLICT where it ended already
   */
  async cancel(buildId: string): Promise<VariantBuildView> {
    const { status } = await this.view(buildId);
    if (!(await this.repository.end(buildId, { status: "canceled", error: null }, this.clock.now()))) {
      throw new SartorError("SRT_CONFLICT", `The build has ended already (${status}).`, { details: { status } });
    }
    await this.runner.end(buildId);
    this.events.emit("build.changed", { buildId });
    return this.view(buildId);
  }

  private async choose(
    model: string,
    purpose: DatasetPurpose,
    wanted: string | null | undefined,
  ): Promise<ChosenDataset | null> {
    if (wanted === null) return null;
    const dataset =
      wanted === undefined ? await this.datasets.newest(model, purpose) : await this.datasets.get(model, wanted);
    if (dataset === undefined) return null;
    if (dataset.purpose !== purpose) {
      throw new SartorError(
        "SRT_DATASET_INVALID",
        `The dataset ${dataset.name} is for ${dataset.purpose}, not for ${purpose}.`,
      );
    }
    const { datasetId, name, content, samples } = dataset;
    return { datasetId, name, digest: content, samples };
  }

  /** What is made of a network when nobody says: the fp32 variant is there already. */
  private async suitable(version: ModelVersionRecord, calibrated: boolean): Promise<VariantName[]> {
    const offered = await this.variants.offered(version.versionId);
    const card = offered.find(({ name }) => name === "fp32")?.card;
    if (card === undefined || card === null) {
      throw new SartorError("SRT_CONFLICT", "The version's fp32 variant is being measured; ask again in a moment.");
    }
    const names = suitableVariants(card.network.family, { calibration: calibrated });
    if (names.length > 0) return names;
    throw new SartorError("SRT_QUANTIZE_NOTHING", "Nothing but fp32 suits this network without a calibration set.");
  }

  private toView(build: StoredBuild, version: ModelVersionRecord): VariantBuildView {
    const waiting = { percent: 0, step: "waiting", remainingMs: null };
    return {
      buildId: build.buildId,
      model: version.manifest.name,
      version: version.manifest.version,
      status: build.status,
      request: build.order,
      variants: build.steps.map((step) => ({
        ...step,
        error: step.error && { ...step.error, details: { ...step.error.details } },
      })),
      progress:
        build.status === "in_progress"
          ? (this.runner.progressOf(build.buildId) ?? overallProgress(build, waiting))
          : null,
      error: build.error && { ...build.error, details: { ...build.error.details } },
      createdAt: build.createdAt,
      startedAt: build.startedAt,
      finishedAt: build.finishedAt,
    };
  }
}
