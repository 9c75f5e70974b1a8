import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Injectable, Logger, type OnModuleInit } from "@nestjs/common";
import { type BuildEvent, type BuildRequest, buildVariants, type DatasetFile, refusalOf } from "@sartor/onnx";
import { type ErrorBody, SartorError } from "@sartor/shared/errors";
import { Clock, Settings, VERSION } from "../config/index.js";
import { isDatabaseAway } from "../database/index.js";
import { EventBus } from "../events/index.js";
import { BlobCatalog, ModelsService } from "../models/index.js";
import { inputsOf, outcomeOf } from "./build-outcome.js";
import { type BuildProgress, overallProgress } from "./build-progress.js";
import { BuildsRepository } from "./builds.repository.js";
import { type ChosenDataset, type StoredBuild, stepsLeft } from "./stored-build.js";
import { parseCard, VariantStore } from "./variant-store.service.js";
import { VariantsRepository } from "./variants.repository.js";

/** So often may the process that makes a variant, or this one, end without a word before the variant is given up. */
const MOST_CRASHES = 3;
const BUILDER = `sartor ${VERSION}`;

/** What an attempt is told and tells. */
export interface AttemptContext {
  /** Ends the worker at once. */
  readonly signal: AbortSignal;
  progress(progress: BuildProgress): void;
}

/** Makes what is left of one build, again after a crash, until it has ended. */
@Injectable()
export class BuildAttempt implements OnModuleInit {
  readonly #logger = new Logger("Builds");
  readonly #folder: string;
  /** Builds whose last attempt ended because the database was away: it could not be written down that this is no crash. */
  readonly #cutOff = new Set<string>();

  constructor(
    private readonly settings: Settings,
    private readonly builds: BuildsRepository,
    private readonly variants: VariantsRepository,
    private readonly store: VariantStore,
    private readonly models: ModelsService,
    private readonly blobs: BlobCatalog,
    private readonly events: EventBus,
    private readonly clock: Clock,
  ) {
    this.#folder = join(settings.stateDir, "building");
  }

  async onModuleInit(): Promise<void> {
    // What a killed process left.
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  /**
   * Works until the build has ended or the signal says to stop. A build that was stopped can be gone on with later.
   *
   * @throws whatever keeps the build from being written down; the build stays as it is
   */
  async run(buildId: string, context: AttemptContext): Promise<void> {
    while (!context.signal.aborted) {
      const build = await this.begin(buildId);
      if (build === undefined || (await this.attempt(build, context)) === "ended") return;
    }
  }

  /** Begins an attempt, unless the build has ended; what crashed too often is given up. */
  private async begin(buildId: string): Promise<StoredBuild | undefined> {
    if (this.#cutOff.has(buildId)) {
      await this.builds.forgive(buildId);
      this.#cutOff.delete(buildId);
    }
    const build = await this.builds.begin(buildId, this.clock.now());
    if (build === undefined || build.attempts <= MOST_CRASHES) return build;
    const guilty = build.steps.find(({ status }) => status === "in_progress");
    const what = guilty === undefined ? "The build" : `Making ${guilty.name}`;
    const error: ErrorBody = {
      code: "SRT_BUILD_CRASHED",
      message: `${what} ended ${MOST_CRASHES} times without a result and is not tried again.`,
    };
    this.#logger.error(`Build ${buildId}: ${error.message}`);
    if (guilty === undefined) {
      await this.builds.end(buildId, { status: "failed", error }, this.clock.now());
      return undefined;
    }
    // The others need not suffer for it.
    await this.builds.endStep(buildId, guilty.name, { status: "failed", error });
    const rest = await this.builds.find(buildId);
    return rest?.status === "in_progress" ? rest : undefined;
  }

  private async attempt(build: StoredBuild, context: AttemptContext): Promise<"ended" | "crashed"> {
    const { buildId } = build;
    try {
      context.progress(overallProgress(build, { percent: 0, step: "preparing", remainingMs: null }));
      const left = await this.withoutKnown(build);
      if (stepsLeft(left).length > 0 || (await this.lacksMeasuring(left))) await this.make(left, context);
      await this.finish(buildId);
      return "ended";
    } catch (thrown) {
      if (context.signal.aborted) {
        await this.builds.forgive(buildId);
        return "ended";
      }
      if (isDatabaseAway(thrown)) {
        this.#cutOff.add(buildId);
        throw thrown;
      }
      if (thrown instanceof SartorError && thrown.code === "SRT_BUILD_CRASHED") {
        this.#logger.warn(`Build ${buildId}: ${thrown.message}`);
        return "crashed";
      }
      await this.builds.end(buildId, { status: "failed", error: this.explain(buildId, thrown) }, this.clock.now());
      return "ended";
    }
  }

  /** Ends the steps whose variant was made from the very same before. */
  private async withoutKnown(build: StoredBuild): Promise<StoredBuild> {
    for (const { name } of stepsLeft(build)) {
      const variantId = await this.variants.findSame(build.versionId, name, inputsOf(build, name, BUILDER));
      if (variantId !== undefined) {
        await this.builds.endStep(build.buildId, name, { status: "succeeded", variantId });
      }
    }
    // What the attempt before could not announce any more.
    if (build.steps.some(({ status }) => status === "succeeded")) await this.store.announce(build.versionId);
    return (await this.builds.find(build.buildId)) ?? build;
  }

  /** fp32 is offered before it is measured: an attempt may have ended in between. */
  private async lacksMeasuring({ versionId, steps, evaluation }: StoredBuild): Promise<boolean> {
    const made = steps.find(({ name, status }) => name === "fp32" && status === "succeeded");
    if (made === undefined || evaluation === null) return false;
    const reference = (await this.variants.offered(versionId)).find(({ variantId }) => variantId === made.variantId);
    return reference !== undefined && reference.card?.accuracy?.dataset.digest !== evaluation.digest;
  }

  private async make(build: StoredBuild, context: AttemptContext): Promise<void> {
    const folder = join(this.#folder, build.buildId);
    await rm(folder, { recursive: true, force: true });
    try {
      const request = await this.request(build, folder);
      await buildVariants(request, {
        limits: { timeMs: this.settings.buildTimeSeconds * 1_000, memoryBytes: this.settings.buildMemoryBytes },
        signal: context.signal,
        onEvent: (event) => this.take(build, event, context),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async request(build: StoredBuild, folder: string): Promise<BuildRequest> {
    const { manifest, model, golden } = await this.models.record(build.versionId);
    const outputFolder = join(folder, "made");
    await mkdir(outputFolder, { recursive: true, mode: 0o700 });
    const dataset = async (chosen: ChosenDataset | null, name: string): Promise<DatasetFile | null> =>
      chosen && { ...chosen, path: await this.blobs.copy(chosen.digest, join(folder, name)) };
    return {
      modelPath: await this.blobs.copy(model.digest, join(folder, "model.onnx")),
      modelDigest: model.digest,
      goldenPath: await this.blobs.copy(golden, join(folder, "golden.safetensors")),
      manifest,
      outputFolder,
      variants: stepsLeft(build).map(({ name }) => name),
      calibration: await dataset(build.calibration, "calibration.safetensors"),
      evaluation: await dataset(build.evaluation, "evaluation.safetensors"),
      accuracy: build.order.accuracy,
      equalise: build.order.equalise,
      pruning: build.order.pruning,
    };
  }

  /** Takes in what the worker says; it goes on when this is done, so what it was told is stored. */
  private async take(build: StoredBuild, event: BuildEvent, context: AttemptContext): Promise<void> {
    const { buildId, versionId } = build;
    switch (event.type) {
      case "progress": {
        const { percent, step, remainingMs } = event;
        context.progress(overallProgress(build, { percent, step, remainingMs }));
        return;
      }
      case "started":
        await this.builds.startStep(buildId, event.name);
        break;
      case "refused":
        await this.builds.endStep(buildId, event.name, {
          status: "failed",
          error: this.explain(buildId, refusalOf(event.error)),
        });
        break;
      case "evaluated":
        await this.store.setReferenceCard(versionId, event.card);
        return;
      case "made": {
        const card = parseCard(event.variant.card);
        const { name } = event.variant;
        const variantId = await this.store.keep(versionId, event.variant);
        const offer = { card, inputs: inputsOf(build, name, BUILDER), now: this.clock.now() };
        try {
          if (!(await this.builds.endStep(buildId, name, { status: "succeeded", variantId }, offer))) {
            throw new SartorError("SRT_CONFLICT", "The build was canceled meanwhile.");
          }
        } catch (error) {
          await this.store.discard(variantId);
          throw error;
        }
        await this.store.announce(versionId);
      }
    }
    this.events.emit("build.changed", { buildId });
  }

  private async finish(buildId: string): Promise<void> {
    const build = await this.builds.find(buildId);
    if (build !== undefined) await this.builds.end(buildId, outcomeOf(build.steps), this.clock.now());
  }

  /** Why a build failed, for people. What nobody foresaw may hold anything: it is for the log only. */
  private explain(buildId: string, thrown: unknown): ErrorBody {
    if (thrown instanceof SartorError) return thrown.toBody();
    this.#logger.error(
      `Build ${buildId} failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}`,
    );
    if ((thrown as NodeJS.ErrnoException).code === "ENOSPC") {
      return { code: "SRT_DISK_FULL", message: "There is not enough space on the control plane's disk for the build." };
    }
    return {
      code: "SRT_INTERNAL",
      message: "Something failed that Sartor did not foresee; the control plane's log says what.",
    };
  }
}
