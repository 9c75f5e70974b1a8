import { SartorError } from "@sartor/shared/errors";
import type { BundleManifest, RuntimeSettings as SessionSettings } from "@sartor/shared/protocol";
import { abortable, hostFiles, readProportionalBytes } from "../platform/index.js";
import { readAvailableMemory } from "./available-memory.js";
import type { GoldenMeasurement } from "./channel/index.js";
import { type LoadedBeside, loadBeside, readableLoss } from "./load-beside.js";
import { requireMemory } from "./memory-need.js";
import { CANDIDATE_RANK, type ModelProcess } from "./model-process.js";
import { DEFAULT_RUNTIME_SETTINGS, type RuntimeSettings } from "./settings.js";

/** Longest series of runs that one call may ask for. */
const MAXIMUM_RUNS = 100_000;

/** A bundle on the disk and how it shall be run. */
export interface CandidateBundle {
  readonly bundle: { readonly bundleId: string };
  readonly runtime: SessionSettings;
}

export interface CandidateProcessesOptions {
  /** Where a bundle that was fetched lies; undefined when it does not. */
  readonly locate: (bundleId: string) => { readonly folder: string; readonly manifest: BundleManifest } | undefined;
  readonly settings?: Partial<RuntimeSettings>;
  /** Memory that a candidate may take, bytes; undefined where the device does not tell. Read from this machine when not given. */
  readonly availableMemory?: () => Promise<number | undefined>;
}

/**
 * Loads candidates of a tuning beside what serves: each in a child of its own that stands back behind the serving one and, where
 * memory runs out, goes before it. What is measured there cannot slow the service down by more than its share of the processor's
 * caches and memory.
 */
export class CandidateProcesses {
  readonly #locate: CandidateProcessesOptions["locate"];
  readonly #settings: RuntimeSettings;
  readonly #availableMemory: () => Promise<number | undefined>;
  readonly #open = new Set<ModelProcess>();

  constructor({ locate, settings, availableMemory }: CandidateProcessesOptions) {
    this.#locate = locate;
    this.#availableMemory = availableMemory ?? (() => readAvailableMemory(hostFiles));
    this.#settings = { ...DEFAULT_RUNTIME_SETTINGS, ...settings };
  }

  /** Process ids of the candidates that are loaded now. */
  pids(): number[] {
    return [...this.#open].map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  /**
   * Loads a candidate, finds out where its graph really runs, and runs its golden vectors once.
   *
   * @throws SartorError as {@link loadBeside}; SRT_BUNDLE_UNKNOWN where its bundle is not on the disk; SRT_TUNING_MEMORY where the
   *   device has too little memory for it, before anything is loaded; the signal's reason
   */
  async open({ bundle: { bundleId }, runtime }: CandidateBundle, signal: AbortSignal): Promise<CandidateProcess> {
    const found = this.#locate(bundleId);
    if (found === undefined) {
      throw new SartorError("SRT_BUNDLE_UNKNOWN", `The candidate's bundle ${bundleId} is not on this device.`);
    }
    const { folder, manifest } = found;
    requireMemory(manifest.totalBytes, await this.#availableMemory());
    const loaded = await loadBeside({ folder, manifest, runtime }, this.#settings, signal, CANDIDATE_RANK);
    const { process } = loaded;
    this.#open.add(process);
    void process.exited.then(() => this.#open.delete(process));
    try {
      const call = process.call("golden", {}, [], this.#settings.probeTimeoutMs);
      const golden = (await abortable(call, signal)).result;
      return new CandidateProcess(loaded, golden, this.#settings.probeTimeoutMs);
    } catch (error) {
      process.kill();
      throw readableLoss(error);
    }
  }
}

/** A candidate that is loaded. Once a run was interrupted it is of no more use: close it. */
export class CandidateProcess {
  readonly executionProviders: readonly string[];
  /** CPU time of the child that found them out and is gone, ms. */
  readonly inspectionCpuMs: number;
  readonly golden: GoldenMeasurement;
  readonly #process: ModelProcess;
  readonly #timeoutMs: number;

  constructor(
    { process, executionProviders, inspectionCpuMs }: LoadedBeside,
    golden: GoldenMeasurement,
    timeoutMs: number,
  ) {
    this.#process = process;
    this.executionProviders = executionProviders;
    this.inspectionCpuMs = inspectionCpuMs;
    this.golden = golden;
    this.#timeoutMs = timeoutMs;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * Runs so many inferences of batch 1 one after the other, on the golden vectors' inputs in turn.
   *
   * @param warmUps untimed runs before them
   * @returns time of each, ms
   * @throws SartorError SRT_MODEL_UNSUPPORTED when the child ends, SRT_INFERENCE_TIMED_OUT when it takes too long, or the signal's
   *   reason; the child is gone then, since a run cannot be interrupted
   */
  async run(count: number, warmUps: number, signal: AbortSignal): Promise<Float64Array> {
    if (!Number.isInteger(count) || !Number.isInteger(warmUps) || count < 0 || warmUps < 0) {
      throw new RangeError(`cannot run ${count} times after ${warmUps} runs`);
    }
    if (count + warmUps > MAXIMUM_RUNS) throw new RangeError(`at most ${MAXIMUM_RUNS} runs in one call`);
    try {
      const { parts } = await abortable(this.#process.call("measure", { count, warmUps }, [], this.#timeoutMs), signal);
      const times = parts[0] ?? new Uint8Array();
      return new Float64Array(times.buffer, times.byteOffset, times.byteLength / Float64Array.BYTES_PER_ELEMENT);
    } catch (error) {
      this.#process.kill();
      throw readableLoss(error);
    }
  }

  /** Proportional set size of the child now, bytes; undefined where the system does not tell. */
  async memoryBytes(): Promise<number | undefined> {
    return this.pid === undefined ? undefined : readProportionalBytes(hostFiles, this.pid);
  }

  async close(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}
