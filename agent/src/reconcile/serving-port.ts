import type { InstalledSlot } from "../ota/index.js";

/** What the acceptance check measured on a staged model. */
export interface ProbeReport {
  readonly passed: boolean;
  readonly goldenVectors: number;
  readonly largestAbsoluteError: number;
  /** Share of golden vectors with the same first class, 0 to 1. */
  readonly topOneAgreement: number;
  readonly medianLatencyMs: number;
  /** Providers that really ran the graph, by the runtime's own word. */
  readonly executionProviders: readonly string[];
}

/** A model that is loaded beside the serving one and gets no request yet. */
export interface StagedModel {
  /** Runs the bundle's golden vectors. */
  probe(signal: AbortSignal): Promise<ProbeReport>;
  /** Sends new requests here; requests in flight end on the former model, which then goes. */
  promote(): Promise<void>;
  /** Sends new requests here and keeps the former model loaded until the trial is decided. */
  beginTrial(): Promise<Trial>;
  /** Ends the staged model; the serving one is untouched. */
  discard(): Promise<void>;
}

/** A model that answers requests while the former one waits, in case it has to come back. */
export interface Trial {
  /** The former model goes. */
  keep(): Promise<void>;
  /** The former model answers again, at once and without a lost request. */
  revert(): Promise<void>;
}

/** What the reconcile loop needs of the runtime; main wires it. */
export interface ServingPort {
  /** The bundle that answers requests; null when none does. */
  servingBundleId(): string | null;
  /** Whether it takes requests right now; false while its child is started again after a crash. */
  isReady(): boolean;
  /** How often a serving child had to be restarted after a crash. */
  restarts(): number;
  stage(installed: InstalledSlot, signal: AbortSignal): Promise<StagedModel>;
  /** Stops serving. */
  stop(): Promise<void>;
}
