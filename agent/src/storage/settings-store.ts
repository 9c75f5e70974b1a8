import type { DatabaseSync } from "node:sqlite";
import type { z } from "zod";

/** Small durable values by name, as JSON: sequence numbers, stream id, the order in force. */
export class SettingsStore {
  readonly #read;
  readonly #write;
  readonly #remove;

  constructor(database: DatabaseSync) {
    this.#remove = database.prepare("DELETE FROM setting WHERE key = ?");
    this.#read = database.prepare("SELECT value FROM setting WHERE key = ?");
    this.#write = database.prepare(
      "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
  }

  /** Forgets a value. */
  remove(key: string): void {
    this.#remove.run(key);
  }

  /** The stored value, or undefined when there is none or it no longer fits the schema. */
  load<T>(key: string, schema: z.ZodType<T>): T | undefined {
    const row = this.#read.get(key) as { value: string } | undefined;
    if (row === undefined) return undefined;
    const result = schema.safeParse(JSON.parse(row.value));
    return result.success ? result.data : undefined;
  }

  /** Stores a value; durable when it returns. */
  save(key: string, value: unknown): void {
    this.#write.run(key, JSON.stringify(value));
  }
}
