import { inventoryChanged } from "@sartor/shared/domain/hardware";
import type { Inventory } from "@sartor/shared/protocol";
import type { Clock } from "../platform/index.js";

export interface InventoryMonitorOptions {
  readonly collect: () => Promise<Inventory>;
  /** Called with the first inventory and then only with one that differs; what it throws makes the next round try again. */
  readonly onChange: (inventory: Inventory) => void | Promise<void>;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** What was last reported, from before a restart: without it the first inventory is always reported. */
  readonly lastReported?: Inventory;
  /** Told when a round failed; the monitor goes on. */
  readonly onProblem: (problem: unknown) => void;
}

/** Looks at the hardware at the start and every interval, and speaks up only when something changed. */
export class InventoryMonitor {
  readonly #options: InventoryMonitorOptions;
  #reported: Inventory | undefined;
  #latest: Inventory | undefined;

  constructor(options: InventoryMonitorOptions) {
    this.#options = options;
    this.#reported = options.lastReported;
  }

  /** The inventory of the last round, reported or not. */
  get latest(): Inventory | undefined {
    return this.#latest;
  }

  /** One round: collect, compare, report. Never throws. */
  async check(): Promise<void> {
    try {
      const inventory = await this.#options.collect();
      this.#latest = inventory;
      if (this.#reported !== undefined && !inventoryChanged(this.#reported, inventory)) return;
      await this.#options.onChange(inventory);
      this.#reported = inventory;
    } catch (problem) {
      this.#options.onProblem(problem);
    }
  }

  /** Runs until the signal; resolves then, never rejects. Rounds do not overlap: the interval counts from the end of one. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.check();
      try {
        await this.#options.clock.sleep(this.#options.intervalMs, signal);
      } catch {
        return;
      }
    }
  }
}
