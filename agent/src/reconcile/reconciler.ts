import { SartorError } from "@sartor/shared/errors";
import { type DesiredState, desiredSchema } from "@sartor/shared/protocol";
import type { DeploymentJournal } from "../ota/index.js";
import type { Clock, Logger } from "../platform/index.js";
import type { SettingsStore } from "../storage/index.js";
import { planStep } from "./plan-step.js";
import type { ServingPort } from "./serving-port.js";
import type { StepExecutors } from "./step-executors.js";
import type { Step } from "./steps.js";

const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const DESIRED_KEY = "desired";

export interface ReconcilerDependencies {
  readonly journal: DeploymentJournal;
  readonly serving: ServingPort;
  readonly executors: StepExecutors;
  readonly settings: SettingsStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: () => void;
  /** Between 0 and 1; spreads retries. */
  readonly random: () => number;
  /** Called when there begins to be something to do, before it is done, and when nothing is left to do. */
  readonly onBusy?: (busy: boolean) => void;
}

/**
 * The loop: read both states, plan one step, perform it, read again. Invariants: one step at a time; a newer desired state that
 * wants another deployment aborts the step in hand; a step that failed is tried again after a pause that doubles.
 */
export class Reconciler {
  readonly #is: ReconcilerDependencies;
  #desired: DesiredState | null;
  #stepAbort = new AbortController();
  #wake: () => void = () => undefined;
  #failures = 0;
  #busy = true;

  constructor(dependencies: ReconcilerDependencies) {
    this.#is = dependencies;
    this.#desired = dependencies.settings.load(DESIRED_KEY, desiredSchema) ?? null;
  }

  /** The newest desired state seen. */
  get desired(): DesiredState | null {
    return this.#desired;
  }

  /** True while a step is being performed or waits to be tried again: what else the device does on the side has to wait. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** Takes a desired state. An older generation than the one in hand is ignored; the same one again changes nothing. */
  accept(desired: DesiredState): void {
    if (this.#desired !== null && desired.generation <= this.#desired.generation) return;
    const former = this.#desired?.deployment?.deploymentId;
    this.#is.settings.save(DESIRED_KEY, desired);
    this.#desired = desired;
    if (desired.deployment?.deploymentId !== former) {
      this.#failures = 0;
      this.#stepAbort.abort(new DOMException("a newer desired state came", "AbortError"));
    }
    this.#is.onChange();
    this.#wake();
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#attempt("the start could not be noted in the journal", () => this.#is.executors.noteStart());
    while (!signal.aborted) {
      this.#stepAbort = new AbortController();
      const step = this.#plan();
      this.#setBusy(step !== undefined);
      if (step === undefined) {
        await this.#idle(signal);
        continue;
      }
      await this.#perform(step, AbortSignal.any([signal, this.#stepAbort.signal]), signal);
    }
  }

  #plan(): Step | undefined {
    const { journal, serving, executors } = this.#is;
    const servingBundleId = serving.servingBundleId();
    return planStep({
      desired: this.#desired,
      committed: journal.committed,
      record: journal.record,
      servingBundleId,
      servingIsBroken: executors.servingIsBroken,
    });
  }

  async #perform(step: Step, stepSignal: AbortSignal, signal: AbortSignal): Promise<void> {
    const { executors, clock, logger, random } = this.#is;
    logger.debug("step", { action: step.action });
    try {
      const execute = executors.execute[step.action] as (step: Step, signal: AbortSignal) => Promise<void>;
      await execute(step, stepSignal);
      this.#failures = 0;
    } catch (thrown) {
      if (stepSignal.aborted) return;
      const error = SartorError.from(thrown);
      this.#failures += 1;
      this.#attempt("the retry could not be noted in the journal", () => executors.noteRetry(error));
      const wait = Math.min(SHORTEST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS) * (0.5 + random() / 2);
      logger.warn("a step failed and is tried again", {
        action: step.action,
        code: error.code,
        message: error.message,
        waitMs: Math.round(wait),
      });
      await clock.sleep(wait, AbortSignal.any([signal, this.#stepAbort.signal])).catch(() => undefined);
    }
  }

  #setBusy(busy: boolean): void {
    if (this.#busy === busy) return;
    this.#busy = busy;
    this.#is.onBusy?.(busy);
  }

  /** Does what helps but must not end the loop: on a full disk the journal cannot be written, and what serves goes on serving. */
  #attempt(problem: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#is.logger.error(problem, { error });
    }
  }

  /** Waits for a newer desired state or the end. */
  #idle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        this.#wake = () => undefined;
        resolve();
      };
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
