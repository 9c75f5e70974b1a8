import { SartorError } from "@sartor/shared/errors";
import type { ReportedServing } from "@sartor/shared/protocol";
import { abortable, type Clock, type Logger } from "../platform/index.js";
import type { ProbeMeasurement } from "./channel/index.js";
import { loadBeside, readableLoss } from "./load-beside.js";
import type { ModelProcess, ProcessExit } from "./model-process.js";
import { type ServableBundle, ServedModel } from "./served-model.js";
import { DEFAULT_RUNTIME_SETTINGS, type RuntimeSettings } from "./settings.js";

/** What the acceptance check says about a staged model. */
export interface ProbeReport extends ProbeMeasurement {
  /** Providers that really ran the graph, by the runtime's own word. */
  readonly executionProviders: readonly string[];
}

/** A model that is loaded beside the serving one and gets no request yet. */
export interface StagedModel {
  /** Execution providers that really ran the graph. */
  readonly executionProviders: readonly string[];
  /** Runs the bundle's golden vectors on the session that is going to serve. */
  probe(signal?: AbortSignal): Promise<ProbeReport>;
  /** Sends new requests here; requests that the former model took end there, then its process goes. */
  promote(): Promise<void>;
  /** As promote, but the former model stays loaded, so that going back to it loses no request. */
  beginTrial(): Promise<Trial>;
  /** Ends the staged model; the serving one is untouched. */
  discard(): Promise<void>;
}

/** A model on trial: it answers requests, and the former one waits. Decide once. */
export interface Trial {
  /** The former model goes. */
  keep(): Promise<void>;
  /** The former model answers again; the one on trial goes, once what it took is answered. Without a former one nothing serves. */
  revert(): Promise<void>;
}

export interface ModelHostOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<RuntimeSettings>;
  /** Called when {@link ModelHost.state} changed. */
  readonly onChange?: () => void;
  /** Called when the serving child ended by itself. */
  readonly onCrash?: (bundleId: string, exit: ProcessExit) => void;
}

/** What serves now, and the swap from one bundle to the next. */
export class ModelHost {
  readonly #options: ModelHostOptions;
  readonly #settings: RuntimeSettings;
  readonly #draining = new Set<Promise<void>>();
  /** Everything that was staged and neither promoted nor discarded, so that stop() leaves no process behind. */
  readonly #staged = new Set<ModelProcess>();
  #current: { readonly served: ServedModel; readonly executionProviders: readonly string[] } | undefined;
  /** The former model while the current one is on trial. */
  #held: ServedModel | undefined;
  /** Restarts of models that served before. */
  #formerRestarts = 0;
  #staging = 0;

  constructor(options: ModelHostOptions) {
    this.#options = options;
    this.#settings = { ...DEFAULT_RUNTIME_SETTINGS, ...options.settings };
  }

  /** The model that answers requests. */
  current(): ServedModel | undefined {
    return this.#current?.served;
  }

  /** The bundle that answers requests; null when none does. */
  servingBundleId(): string | null {
    return this.#current?.served.bundle.bundleId ?? null;
  }

  /** How often a serving child was started again after a crash, since the agent started. */
  restarts(): number {
    return this.#formerRestarts + (this.#current?.served.restarts ?? 0) + (this.#held?.restarts ?? 0);
  }

  /** Process ids of the children that serve, for the agent's memory sum. */
  pids(): number[] {
    return [this.#current?.served.pid, this.#held?.pid].filter((pid) => pid !== undefined);
  }

  /** Whether the current model takes requests right now. */
  isReady(): boolean {
    return this.#current?.served.state === "ready";
  }

  /** What is reported about serving; the endpoint is added by who knows it. */
  state(): ReportedServing {
    const current = this.#current;
    if (current === undefined) return { state: this.#staging > 0 ? "starting" : "none", restarts: this.restarts() };
    const { bundleId, manifest } = current.served.bundle;
    return {
      state: current.served.state,
      bundleId,
      model: manifest.model,
      version: manifest.version,
      variant: manifest.variant.name,
      intraOpThreads: current.served.bundle.runtime.intraOpThreads,
      executionProviders: [...current.executionProviders],
      restarts: this.restarts(),
    };
  }

  /**
   * Loads a bundle beside the serving one, in a child of its own, and finds out where its graph really runs.
   * @throws SartorError as loading says (SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED, SRT_MODEL_SHAPE_MISMATCH,
   * SRT_MODEL_LABELS_MISMATCH, SRT_PROVIDER_UNAVAILABLE, SRT_GOLDEN_INVALID), or the signal's reason.
   */
  async stage(bundle: ServableBundle, signal?: AbortSignal): Promise<StagedModel> {
    signal?.throwIfAborted();
    this.#staging++;
    if (this.#current === undefined) this.#options.onChange?.();
    try {
      const { process, executionProviders } = await loadBeside(bundle, this.#settings, signal);
      return this.#stagedModel(bundle, process, executionProviders);
    } finally {
      this.#staging--;
      this.#options.onChange?.();
    }
  }

  /** Stops serving: requests that were taken are answered first, within the drain time. */
  async stop(): Promise<void> {
    const serving = [this.#current?.served, this.#held];
    this.#current = undefined;
    this.#held = undefined;
    for (const served of serving) if (served !== undefined) this.#retire(served);
    for (const process of this.#staged) process.kill();
    await Promise.all(this.#draining);
    this.#options.onChange?.();
  }

  #stagedModel(bundle: ServableBundle, process: ModelProcess, executionProviders: readonly string[]): StagedModel {
    this.#staged.add(process);
    void process.exited.then(() => this.#staged.delete(process));
    return {
      executionProviders,
      probe: async (signal) => {
        try {
          const { result } = await abortable(process.call("probe", {}, [], this.#settings.probeTimeoutMs), signal);
          return { ...result, executionProviders };
        } catch (error) {
          throw readableLoss(error);
        }
      },
      promote: async () => (await this.#beginTrial(bundle, process, executionProviders)).keep(),
      beginTrial: () => this.#beginTrial(bundle, process, executionProviders),
      discard: async () => {
        if (!this.#staged.has(process)) return;
        process.kill();
        await process.exited;
      },
    };
  }

  /** Sends new requests to a staged model; the former one stays loaded until the trial is decided. */
  async #beginTrial(
    bundle: ServableBundle,
    process: ModelProcess,
    executionProviders: readonly string[],
  ): Promise<Trial> {
    if (!this.#staged.delete(process)) {
      throw new SartorError("SRT_PROBE_FAILED", "The staged model's runtime ended before it was promoted.");
    }
    const { clock, logger, onChange, onCrash } = this.#options;
    const served = new ServedModel(bundle, process, {
      settings: this.#settings,
      clock,
      logger,
      onChange: () => onChange?.(),
      onCrash: (exit) => onCrash?.(bundle.bundleId, exit),
    });
    const former = this.#current;
    const current = { served, executionProviders };
    this.#current = current;
    this.#held = former?.served;
    onChange?.();
    return {
      keep: async () => {
        this.#held = undefined;
        if (former !== undefined) this.#retire(former.served);
      },
      revert: async () => {
        if (this.#current !== current) return;
        this.#held = undefined;
        this.#current = former;
        this.#retire(served);
        onChange?.();
      },
    };
  }

  /** Lets a model that gets no more requests finish what it took, then ends it. */
  #retire(served: ServedModel): void {
    this.#formerRestarts += served.restarts;
    const draining = served.drain().finally(() => this.#draining.delete(draining));
    this.#draining.add(draining);
  }
}
