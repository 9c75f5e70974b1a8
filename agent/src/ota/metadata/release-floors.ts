import { countSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { DurableRecord } from "./durable-record.js";

const recordSchema = z.object({ generation: countSchema, models: z.record(z.string(), countSchema) });
type ReleaseFloors = z.infer<typeof recordSchema>;

/** What this device never goes below again: the generation of its orders, and each model's release counter. Kept durably, in two copies. */
export class ReleaseFloorStore {
  readonly #record: DurableRecord<ReleaseFloors>;

  constructor(path: string) {
    this.#record = new DurableRecord(path, recordSchema);
  }

  /** Generation of the newest order that was verified; 0 before the first. */
  get generation(): number {
    return this.#load().generation;
  }

  /** Highest release counter of a model that was installed; 0 when none was. */
  counterOf(model: string): number {
    const { models } = this.#load();
    return Object.hasOwn(models, model) ? (models[model] ?? 0) : 0;
  }

  /** Durable when it returns. */
  raiseGeneration(generation: number): void {
    const floors = this.#load();
    if (generation > floors.generation) this.#record.save({ ...floors, generation });
  }

  /** Durable when it returns. */
  raiseCounter(model: string, counter: number): void {
    const floors = this.#load();
    if (counter <= this.counterOf(model)) return;
    this.#record.save({ ...floors, models: { ...floors.models, [model]: counter } });
  }

  #load(): ReleaseFloors {
    return this.#record.load()[0] ?? { generation: 0, models: {} };
  }
}
