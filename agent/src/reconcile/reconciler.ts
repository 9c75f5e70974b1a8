import { SartorError } from "@sartor/shared/errors";
import type { DesiredState } from "@sartor/shared/protocol";
import type { DeploymentJournal } from "../ota/index.js";
import type { Clock, Logger } from "../platform/index.js";
import type { SettingsStore } from "../storage/index.js";
import { type AcceptableOrder, type KeptOrder, keptOrderSchema, type ReleaseFloors } from "./kept-order.js";
import { planStep } from "./plan-step.js";
import type { ServingPort } from "./serving-port.js";
import type { StepExecutors } from "./step-executors.js";
import type { Step } from "./steps.js";

const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Where the newest verified order is kept. What releases before signed orders kept as "desired" is not believed. */
export const ORDER_KEY = "order";

export interface ReconcilerDependencies {
  readonly journal: DeploymentJournal;
  readonly serving: ServingPort;
  readonly executors: StepExecutors;
  readonly floors: ReleaseFloors;
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
 * wants another deployment aborts the step in hand; a step that failed is tried again after a pause that doubles; before any step the floor
 * of what is committed is as high as its release counter.
 */
export class Reconciler {
  readonly #is: ReconcilerDependencies;
  #order: KeptOrder | null;
  #stepAbort = new AbortController();
  #wake: () => void = () => undefined;
  #failures = 0;
  #busy = true;

  constructor(dependencies: ReconcilerDependencies) {
    this.#is = dependencies;
    this.#order = dependencies.settings.load(ORDER_KEY, keptOrderSchema) ?? null;
  }

  /** The newest desired state that was verified. */
  get desired(): DesiredState | null {
    return this.#order?.desired ?? null;
  }

  /** True while a step is being performed or waits to be tried again: what else the device does on the side has to wait. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /**
   * Takes a verified order, durable when it returns. An older generation than the one in hand is ignored; the same one again may raise the
   * release counter of its bundle and changes nothing else.
   *
   * @throws SartorError SRT_TRUST_UNSIGNED when nobody vouches for the bundle that it wants installed; what the store throws
   */
  accept({ desired, bundles }: AcceptableOrder): void {
    const inHand = this.#order;
    if (inHand !== null && desired.generation < inHand.desired.generation) return;
    const isRepeat = desired.generation === inHand?.desired.generation;
    const order = isRepeat ? raised(inHand, bundles) : keep({ desired, bundles });
    if (order !== inHand) {
      this.#is.settings.save(ORDER_KEY, order);
      this.#order = order;
    }
    if (order.desired.deployment?.deploymentId !== inHand?.desired.deployment?.deploymentId) {
      this.#failures = 0;
      this.#stepAbort.abort(new DOMException("a newer desired state came", "AbortError"));
    }
    if (!isRepeat) this.#is.onChange();
    this.#wake();
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#attempt("the start could not be noted in the journal", () => this.#is.executors.noteStart());
    while (!signal.aborted) {
      this.#stepAbort = new AbortController();
      this.#attempt("the release floor could not be raised and is tried again", () => this.#raiseFloor());
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
      order: this.#order,
      committed: journal.committed,
      record: journal.record,
      servingBundleId,
      servingIsBroken: executors.servingIsBroken,
    });
  }

  /**
   * Level-triggered, like the steps: right after a commit, after a start (the power may have gone in between), and when the order in force
   * names what is committed with a higher counter.
   */
  #raiseFloor(): void {
    const { journal, floors } = this.#is;
    const { committed } = journal;
    if (committed === null) return;
    const ordered = this.#order?.desired.deployment?.bundle;
    const isOrdered = ordered?.bundleId === committed.bundleId;
    const counter = Math.max(committed.releaseCounter ?? 0, (isOrdered ? this.#order?.releaseCounter : null) ?? 0);
    const model = committed.model ?? (isOrdered ? ordered?.model : undefined);
    if (model !== undefined && counter > floors.floorOf(model)) floors.noteInstalled(model, counter);
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
    if (signal.aborted) return Promise.resolve();
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

function keep({ desired, bundles }: AcceptableOrder): KeptOrder {
  if (desired.deployment === null) return { desired, releaseCounter: null };
  const { bundleId } = desired.deployment.bundle;
  const releaseCounter = bundles.get(bundleId)?.releaseCounter;
  if (releaseCounter !== undefined) return { desired, releaseCounter };
  throw new SartorError("SRT_TRUST_UNSIGNED", `Nobody vouches for the bundle ${bundleId} that is to be installed.`);
}

/** The same order with its bundle's release counter, where that was released again with a higher one. */
function raised(order: KeptOrder, bundles: AcceptableOrder["bundles"]): KeptOrder {
  const bundleId = order.desired.deployment?.bundle.bundleId;
  const releaseCounter = bundleId === undefined ? undefined : bundles.get(bundleId)?.releaseCounter;
  const isHigher = releaseCounter !== undefined && releaseCounter > (order.releaseCounter ?? 0);
  return isHigher ? { ...order, releaseCounter } : order;
}
