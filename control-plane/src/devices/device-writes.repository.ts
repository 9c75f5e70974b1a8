import { createHash } from "node:crypto";
import { Injectable } from "@nestjs/common";
import type { DeviceSummary, Inventory, ReportedState } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { Settings } from "../config/index.js";
import { type BatchWriter, Database } from "../database/index.js";
import type { Received } from "../events/index.js";
import { type DeviceState, type DeviceWrite, deviceOf, planBatch } from "./device-batch.js";
import type { DeviceTables } from "./devices.tables.js";
import type { Presence } from "./presence.js";

/** Inventories kept of a device. */
const INVENTORY_HISTORY = 20;

type Db = Transaction<DeviceTables>;

/** What devices send, written behind: many messages a transaction, in the order in which they came. */
@Injectable()
export class DeviceWrites {
  readonly #writer: BatchWriter<DeviceWrite, boolean>;

  constructor(database: Database, settings: Settings) {
    this.#writer = database.batchWriter<DeviceTables, DeviceWrite, boolean>(
      { maximumItems: 1_000, maximumWaitMs: settings.writeBehindMs },
      writeBatch,
    );
  }

  /** Resolves once committed: true when the inventory differs from the one before. */
  inventory(received: Received<Inventory>): Promise<boolean> {
    return this.#writer.add({ type: "inventory", received, digest: digestOf(received.message) });
  }

  /** Resolves once committed: false when the report is stale and was left out. */
  reported(received: Received<ReportedState>): Promise<boolean> {
    return this.#writer.add({ type: "reported", received });
  }

  presence(deviceId: string, presence: Presence): Promise<boolean> {
    return this.#writer.add({ type: "presence", deviceId, presence });
  }

  latest(deviceId: string, latest: NonNullable<DeviceSummary["latest"]>): Promise<boolean> {
    return this.#writer.add({ type: "latest", deviceId, latest });
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }
}

async function writeBatch(db: Db, writes: readonly DeviceWrite[]): Promise<readonly boolean[]> {
  const { updates, inventories, news } = planBatch(await loadStates(db, writes), writes);
  for (const [deviceId, columns] of updates) {
    await db.updateTable("device").set(columns).where("device_id", "=", deviceId).execute();
  }
  if (inventories.length > 0) {
    await db.insertInto("device_inventory").values(inventories).execute();
    for (const deviceId of new Set(inventories.map((row) => row.device_id))) await deleteOldInventories(db, deviceId);
  }
  return news;
}

/** Two queries, however many devices. */
async function loadStates(db: Db, writes: readonly DeviceWrite[]): Promise<Map<string, DeviceState>> {
  const ids = [...new Set(writes.map(deviceOf))];
  const rows = await db
    .selectFrom("device")
    .select(["device_id", "reported_sequence", "reported_boots"])
    .where("device_id", "in", ids)
    .execute();
  const inventories = await newestInventories(
    db,
    writes.filter((write) => write.type === "inventory").map((write) => write.received.deviceId),
  );
  return new Map(
    rows.map((row) => [
      row.device_id,
      {
        reported:
          row.reported_sequence === null
            ? undefined
            : { sequence: row.reported_sequence, boots: JSON.parse(row.reported_boots ?? "[]") as string[] },
        newestInventory: inventories.get(row.device_id),
      },
    ]),
  );
}

async function newestInventories(
  db: Db,
  deviceIds: readonly string[],
): Promise<Map<string, { digest: string; receivedAt: number }>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("device_inventory")
    .select(["device_id", "digest", "received_at"])
    .where("device_id", "in", [...new Set(deviceIds)])
    // The newest of a device comes last and stays in the map.
    .orderBy("received_at")
    .execute();
  return new Map(rows.map((row) => [row.device_id, { digest: row.digest, receivedAt: row.received_at }]));
}

async function deleteOldInventories(db: Db, deviceId: string): Promise<void> {
  const oldestKept = await db
    .selectFrom("device_inventory")
    .select("received_at")
    .where("device_id", "=", deviceId)
    .orderBy("received_at", "desc")
    .offset(INVENTORY_HISTORY - 1)
    .limit(1)
    .executeTakeFirst();
  if (oldestKept === undefined) return;
  await db
    .deleteFrom("device_inventory")
    .where("device_id", "=", deviceId)
    .where("received_at", "<", oldestKept.received_at)
    .execute();
}

/** Two inventories are the same when nothing but the time of looking differs. */
function digestOf({ collectedAt: _collectedAt, ...facts }: Inventory): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
