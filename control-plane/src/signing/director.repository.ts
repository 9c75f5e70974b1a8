import { Injectable } from "@nestjs/common";
import type { Transaction } from "kysely";
import { type BatchWriter, Database } from "../database/index.js";
import type { SigningTables, TrustDirectorTable } from "./signing.tables.js";

export type DirectorRow = TrustDirectorTable;

/** Devices signed and written in one transaction: about 80 ms in which nobody else gets a turn. */
const BATCH = 100;

/** Makes a device's new row out of the one that is there; undefined keeps it. */
export type RowChange = (row: DirectorRow | undefined) => DirectorRow | undefined;

/** Devices' director repositories in the database. */
@Injectable()
export class DirectorRepository {
  readonly #writer: BatchWriter<{ deviceId: string; change: RowChange }, DirectorRow | undefined>;

  constructor(private readonly database: Database) {
    this.#writer = database.batchWriter<
      SigningTables,
      { deviceId: string; change: RowChange },
      DirectorRow | undefined
    >({ maximumItems: BATCH, maximumWaitMs: 0 }, (db, items) => changeAll(db, items));
  }

  async find(deviceId: string): Promise<DirectorRow | undefined> {
    return this.database
      .tables<SigningTables>()
      .selectFrom("trust_director")
      .selectAll()
      .where("device_id", "=", deviceId)
      .executeTakeFirst();
  }

  /**
   * Changes a device's row; resolves with it once it is committed. Changes that come at the same time are committed together; those of
   * one device see each other's outcome. What a change throws is thrown here.
   */
  async change(deviceId: string, change: RowChange): Promise<DirectorRow | undefined> {
    return this.#writer.add({ deviceId, change });
  }

  async remove(deviceId: string): Promise<void> {
    await this.database
      .tables<SigningTables>()
      .deleteFrom("trust_director")
      .where("device_id", "=", deviceId)
      .execute();
  }

  async count(): Promise<number> {
    const row = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_director")
      .select(({ fn }) => fn.countAll<number | string>().as("count"))
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }
}

async function changeAll(
  db: Transaction<SigningTables>,
  items: readonly { readonly deviceId: string; readonly change: RowChange }[],
): Promise<(DirectorRow | undefined)[]> {
  // In one order, so that two transactions never wait for each other in a circle.
  const ids = [...new Set(items.map(({ deviceId }) => deviceId))].sort();
  const found = await db.selectFrom("trust_director").selectAll().where("device_id", "in", ids).execute();
  const rows = new Map(found.map((row) => [row.device_id, row]));
  const changed = new Set<string>();
  const results = items.map(({ deviceId, change }) => {
    const next = change(rows.get(deviceId));
    if (next !== undefined) {
      rows.set(deviceId, next);
      changed.add(deviceId);
    }
    return rows.get(deviceId);
  });
  for (const deviceId of [...changed].sort()) {
    const row = rows.get(deviceId);
    if (row === undefined) continue;
    const { device_id: _, ...values } = row;
    await db
      .insertInto("trust_director")
      .values(row)
      .onConflict((conflict) => conflict.column("device_id").doUpdateSet(values))
      .execute();
  }
  return results;
}
