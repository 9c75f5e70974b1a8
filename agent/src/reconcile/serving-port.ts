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
  /** Ends the staged model; the serving one is untouched. */
  discard(): Promise<void>;
}

/** What the reconcile loop needs of the runtime; main wires it. */
export interface ServingPort {
  /** The bundle that answers requests; null when none does. */
  servingBundleId(): string | null;
  /** How often the serving child had to be restarted after a crash. */
  restarts(): number;
  stage(installed: InstalledSlot, signal: AbortSignal): Promise<StagedModel>;
  /** Stops serving. */
  stop(): Promise<void>;
}
