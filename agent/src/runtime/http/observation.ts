import type { Classification } from "@sartor/shared/domain/tensor";
import type { Clock } from "../../platform/index.js";
import type { ServableBundle } from "../served-model.js";

/** What one inference request looked like, for telemetry. */
export interface InferenceObservation {
  /** From the request's arrival to its answer, ms. */
  readonly latencyMs: number;
  /** Inside the runtime, ms; absent when it did not run. */
  readonly runMs?: number;
  /** The most probable class, its probability and the distribution's entropy (nats); absent for batches and errors. */
  readonly classIndex?: number;
  readonly topProbability?: number;
  readonly entropy?: number;
  /** Why it failed; absent when it was answered. */
  readonly errorCode?: string;
  /** The bundle that the request was given to; absent when none was serving. */
  readonly serving?: ServedBundle;
}

/** A bundle as telemetry names it. */
export interface ServedBundle {
  readonly bundleId: string;
  readonly model: string;
  readonly version: string;
  readonly variant: string;
}

/** Follows one request from its arrival. */
export class InferenceTimer {
  readonly #clock: Clock;
  readonly #arrivedAt: number;
  #runMs: number | undefined;
  #serving: ServedBundle | undefined;
  #classification: Classification | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#arrivedAt = clock.monotonic();
  }

  elapsedMs(): number {
    return this.#clock.monotonic() - this.#arrivedAt;
  }

  /** Notes which bundle the request is given to: during a swap that need not be the one that serves when it is answered. */
  givenTo({ bundleId, manifest }: ServableBundle): void {
    this.#serving = { bundleId, model: manifest.model, version: manifest.version, variant: manifest.variant.name };
  }

  /** Notes that the model ran. */
  ran(runMs: number, classification: Classification | undefined): void {
    this.#runMs = runMs;
    this.#classification = classification;
  }

  observe(errorCode?: string): InferenceObservation {
    const best = this.#classification?.top[0];
    return {
      latencyMs: this.elapsedMs(),
      ...(this.#runMs === undefined ? {} : { runMs: this.#runMs }),
      ...(best === undefined || errorCode !== undefined
        ? {}
        : { classIndex: best.index, topProbability: best.probability, entropy: this.#classification?.entropy ?? 0 }),
      ...(errorCode === undefined ? {} : { errorCode }),
      ...(this.#serving === undefined ? {} : { serving: this.#serving }),
    };
  }
}
