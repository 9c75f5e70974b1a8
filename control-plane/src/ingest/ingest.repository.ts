import { Injectable } from "@nestjs/common";
import { type BatchWriter, Database } from "../database/index.js";
import type { IngestTables } from "./ingest.tables.js";

export interface InvalidMessage {
  readonly deviceId: string;
  readonly kind: string;
  readonly problem: string;
  readonly at: number;
}

/** Longest description that is kept, characters. */
const PROBLEM_LENGTH = 1_000;

/** Counts of messages that were dropped. */
@Injectable()
export class IngestRepository {
  readonly #writer: BatchWriter<InvalidMessage>;

  constructor(private readonly database: Database) {
    this.#writer = database.batchWriter<IngestTables, InvalidMessage>(
      { maximumItems: 10_000, maximumWaitMs: 200 },
      async (db, items) => {
        for (const { count, newest } of sumUp(items)) {
          await db
            .insertInto("invalid_message")
            .values({
              device_id: newest.deviceId,
              kind: newest.kind,
              count,
              last_at: newest.at,
              last_problem: newest.problem.slice(0, PROBLEM_LENGTH),
            })
            .onConflict((conflict) =>
              conflict.columns(["device_id", "kind"]).doUpdateSet((eb) => ({
                count: eb("invalid_message.count", "+", count),
                last_at: newest.at,
                last_problem: newest.problem.slice(0, PROBLEM_LENGTH),
              })),
            )
            .execute();
        }
        return undefined;
      },
    );
  }

  /** Counts one more; written behind. */
  count(message: InvalidMessage): Promise<void> {
    return this.#writer.add(message);
  }

  /** Dropped messages of a device, by kind. */
  async countsOf(deviceId: string): Promise<Record<string, number>> {
    const rows = await this.database
      .tables<IngestTables>()
      .selectFrom("invalid_message")
      .select(["kind", "count"])
      .where("device_id", "=", deviceId)
      .execute();
    return Object.fromEntries(rows.map((row) => [row.kind, row.count]));
  }

  async forget(deviceId: string): Promise<void> {
    await this.#writer.flush();
    await this.database
      .tables<IngestTables>()
      .deleteFrom("invalid_message")
      .where("device_id", "=", deviceId)
      .execute();
  }
}

/** One entry a device and kind: ten thousand bad messages of one device are one row to write. */
function sumUp(items: readonly InvalidMessage[]): Iterable<{ count: number; newest: InvalidMessage }> {
  const sums = new Map<string, { count: number; newest: InvalidMessage }>();
  for (const item of items) {
    const key = `${item.deviceId}/${item.kind}`;
    sums.set(key, { count: (sums.get(key)?.count ?? 0) + 1, newest: item });
  }
  return sums.values();
}
