import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { Settings } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { ModelsService } from "../models/index.js";
import { BuildAttempt } from "./build-attempt.service.js";
import type { BuildProgress } from "./build-progress.js";
import { BuildsRepository } from "./builds.repository.js";

/** How often the runner looks by itself for what is to be done, ms: nothing depends on seeing every event. */
const LOOK_INTERVAL_MS = 10_000;

interface Run {
  readonly versionId: string;
  readonly abort: AbortController;
  done: Promise<void>;
  progress: BuildProgress | null;
}

/** Runs builds in their order, so many at once, but of one version one after the other: each may replace what the other offers. What was begun when the process ended goes on at the next start. */
@Injectable()
export class BuildRunner implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger("Builds");
  readonly #runs = new Map<string, Run>();
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(
    private readonly settings: Settings,
    private readonly builds: BuildsRepository,
    private readonly attempts: BuildAttempt,
    private readonly models: ModelsService,
    private readonly events: EventBus,
  ) {
    // A version that became visible may have a build that waits for that.
    events.on("model.changed", () => this.kick());
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => this.kick(), LOOK_INTERVAL_MS).unref();
    this.kick();
  }

  /** Ends the workers; their builds go on at the next start. */
  async onModuleDestroy(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#looking;
    for (const { abort } of this.#runs.values()) abort.abort(new Error("The control plane stops."));
    await Promise.all([...this.#runs.values()].map(({ done }) => done));
  }

  /** Looks for builds that wait. */
  kick(): void {
    if (this.#stopping) return;
    this.#looking = this.#looking
      .then(() => this.look())
      .catch((error) => this.#logger.error(`Builds could not be looked up: ${error}`));
  }

  /** How far a build is; null where it does not run. */
  progressOf(buildId: string): BuildProgress | null {
    return this.#runs.get(buildId)?.progress ?? null;
  }

  /** Ends the worker of a build that was canceled; resolves when it is gone. */
  async end(buildId: string): Promise<void> {
    const run = this.#runs.get(buildId);
    run?.abort.abort(new Error("The build was canceled."));
    await run?.done;
  }

  private async look(): Promise<void> {
    for (const { buildId, versionId } of await this.builds.unfinished()) {
      if (this.#stopping || this.#runs.size >= this.settings.buildsAtOnce) return;
      if (this.isUnderWay(versionId)) continue;
      if ((await this.models.record(versionId)).ready) this.start(buildId, versionId);
    }
  }

  private isUnderWay(versionId: string): boolean {
    return [...this.#runs.values()].some((run) => run.versionId === versionId);
  }

  private start(buildId: string, versionId: string): void {
    const run: Run = { versionId, abort: new AbortController(), done: Promise.resolve(), progress: null };
    this.#runs.set(buildId, run);
    run.done = this.work(buildId, run);
  }

  private async work(buildId: string, run: Run): Promise<void> {
    const changed = () => this.events.emit("build.changed", { buildId });
    try {
      await this.attempts.run(buildId, {
        signal: run.abort.signal,
        progress: (progress) => {
          run.progress = progress;
          changed();
        },
      });
      this.#runs.delete(buildId);
      this.kick();
    } catch (error) {
      // The next look tries again.
      this.#runs.delete(buildId);
      this.#logger.error(`Build ${buildId} was interrupted: ${error}`);
    }
    changed();
  }
}
