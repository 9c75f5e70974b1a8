import { readFileSync } from "node:fs";
import type { z } from "zod";
import { writeFileDurably } from "../../storage/index.js";

/**
 * A small value that must outlive a power cut and one damaged file: it is kept twice, and whoever loads it gets each copy that is whole.
 */
export class DurableRecord<T> {
  readonly #paths: readonly [string, string];
  readonly #schema: z.ZodType<T>;

  constructor(path: string, schema: z.ZodType<T>) {
    this.#paths = [path, `${path}.copy`];
    this.#schema = schema;
  }

  /** The copies that are whole, 0 to 2. They differ when the device went down between the two writes; the first is the newer one. */
  load(): T[] {
    return this.#paths.flatMap((path) => {
      try {
        const result = this.#schema.safeParse(JSON.parse(readFileSync(path, "utf8")));
        return result.success ? [result.data] : [];
      } catch {
        // Missing, empty or garbled: the other copy speaks for it.
        return [];
      }
    });
  }

  /** Durable when it returns. */
  save(value: T): void {
    const text = `${JSON.stringify(value)}\n`;
    for (const path of this.#paths) writeFileDurably(path, text, 0o600);
  }
}
