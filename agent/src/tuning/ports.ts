import type { RuntimeSettings, TuningCandidate } from "@sartor/shared/protocol";

/** What serves now, as it is run now. */
export interface Incumbent {
  readonly bundleId: string;
  readonly model: string;
  readonly version: string;
  readonly variant: TuningCandidate["variant"];
  readonly runtime: RuntimeSettings;
}

/** A candidate, loaded in a process of its own beside what serves. */
export interface CandidateSession {
  readonly pid: number | undefined;
  /** Execution providers that really ran the graph, by the profiler's word, e.g. "CPUExecutionProvider". */
  readonly executionProviders: readonly string[];
  /** CPU time of processes that opening took and that are gone, ms; none when absent. */
  readonly inspectionCpuMs?: number;
  /** The bundle's golden vectors on this session. */
  readonly golden: {
    readonly passed: boolean;
    readonly largestAbsoluteError: number;
    readonly topOneAgreement: number;
  };
  /**
   * Runs so many inferences of batch 1 one after the other, on the golden vectors' inputs in turn.
   *
   * @param warmUps untimed runs before them
   * @returns time of each, ms
   */
  run(count: number, warmUps: number, signal: AbortSignal): Promise<Float64Array>;
  /** Proportional set size of the process now, bytes; undefined where the system does not tell. */
  memoryBytes(): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Loads candidates whose bundles were fetched. */
export interface CandidateLoader {
  /** @throws SartorError where the bundle does not load with these settings, or the provider is not there */
  open(candidate: TuningCandidate, signal: AbortSignal): Promise<CandidateSession>;
}

/** Brings the candidates' bundles to the device and takes them away. */
export interface CandidateStore {
  /**
   * Fetches and verifies a bundle; one that is installed already, in a slot or here, costs nothing.
   *
   * @throws SartorError SRT_DOWNLOAD_FAILED, SRT_DISK_FULL, SRT_DIGEST_MISMATCH, SRT_BUNDLE_UNKNOWN
   */
  fetch(bundle: TuningCandidate["bundle"], onProgress: (share: number) => void, signal: AbortSignal): Promise<void>;
  /** Removes everything that was fetched for tunings, but these bundles. */
  discard(keep: ReadonlySet<string>): Promise<void>;
}

/** What the device looked like over a stretch of time; null where it does not say. */
export interface Conditions {
  /** Highest clock among the fast cores now, MHz: idle cores clock down by themselves, while a cap lowers all of them. */
  readonly cpuFrequencyMhz: number | null;
  readonly temperatureCelsius: number | null;
  /** Counts of thermal throttling since boot, summed over all that count. */
  readonly throttleEvents: number | null;
  /** Power of the whole module now, mW. */
  readonly powerMilliwatts: number | null;
  /** CPU time since boot that the whole device spent working, and the part of it that this tuning's processes spent, ms. */
  readonly busyMs: number | null;
  readonly ownMs: number | null;
}

export interface ConditionsReader {
  /** @param pids processes of the candidates that are loaded now */
  read(pids: readonly number[]): Promise<Conditions>;
}
