import type { ReportedTuning, TuningOrder } from "@sartor/shared/protocol";
import { z } from "zod";
import type { Tuner, TunerOptions } from "./tuning/index.js";

/** Where the tuner keeps what it must remember. */
export const TUNING_RECORD_KEY = "tuning.record";
const pendingSwitchSchema = z.object({ chosen: z.object({}) });

/**
 * The tuner, loaded with the first order, or to see a switch through that it decided before a restart: a device that is never tuned does
 * not pay for it. What comes before it is loaded reaches it then.
 */
export class LazyTuner {
  readonly #options: TunerOptions;
  readonly #signal: AbortSignal;
  #tuner: Tuner | undefined;
  #running: Promise<void> | undefined;
  #order: TuningOrder | null = null;

  /** @param signal ends the tuner */
  constructor(options: TunerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** How the device stands with its order; null without one. */
  get state(): ReportedTuning | null {
    return this.#tuner?.state ?? null;
  }

  /** Takes the order of the newest desired state; null: nothing shall be measured, and what was fetched for it goes. */
  accept(order: TuningOrder | null): void {
    this.#order = order;
    if (this.#tuner !== undefined) this.#tuner.accept(order);
    else if (order !== null || this.#awaitsSwitch()) this.#running ??= this.#run();
    else if (this.#running === undefined) void this.#options.store.discard(new Set()).catch(this.#complain);
  }

  /** Something changed that the tuner should look at: the inventory, or there is time to measure now. */
  wake(): void {
    this.#tuner?.wake();
  }

  /** Something more important begins. */
  interrupt(reason: string): void {
    this.#tuner?.interrupt(reason);
  }

  /** Resolves when the tuner has ended, after the signal. */
  async ended(): Promise<void> {
    await this.#running;
  }

  /** What a verdict chose does not serve yet: its bundle has to stay, and when it begins to serve has to be noted. */
  #awaitsSwitch(): boolean {
    return this.#options.settings.load(TUNING_RECORD_KEY, pendingSwitchSchema) !== undefined;
  }

  async #run(): Promise<void> {
    try {
      const { Tuner } = await import("./tuning/index.js");
      if (this.#signal.aborted) return;
      const tuner = new Tuner(this.#options);
      this.#tuner = tuner;
      tuner.accept(this.#order);
      await tuner.run(this.#signal);
    } catch (error) {
      this.#complain(error);
    }
  }

  readonly #complain = (error: unknown): void => {
    this.#options.logger.error("the tuner had to give up", { error });
  };
}
