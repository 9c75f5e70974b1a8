import type { TelemetryWindow } from "@sartor/shared/protocol";

/** What served: a bundle and what it is called. */
export type Serving = NonNullable<TelemetryWindow["serving"]>;

/** One request to the inference endpoint, as it ended. */
export interface Observation {
  /** From the request's arrival to its answer, ms. */
  readonly latencyMs: number;
  /** Inside the runtime, ms. */
  readonly runMs?: number;
  /** The class answered; absent for models that do not classify. */
  readonly classIndex?: number;
  /** Probability of that class, 0 to 1. */
  readonly topProbability?: number;
  /** Entropy of the class distribution, nats. */
  readonly entropy?: number;
  /** Set when the request failed: its stable code. */
  readonly errorCode?: string;
}
