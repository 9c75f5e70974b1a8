import { createHash } from "node:crypto";
import { Injectable } from "@nestjs/common";
import type { DeviceSummary, Inventory, ReportedState } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { Settings } from "../config/index.js";
import { type BatchWriter, Database } from "../database/index.js";
import type { Received } from "../events/index.js";
import type { DeviceTables } from "./devices.tables.js";
import type { Presence } from "./presence.js";
import { acceptReport } from "./reported-guard.js";

/** Inventories kept of a device. */
const INVENTORY_HISTORY = 20;

type Db = Transaction<DeviceTables>;

/** One write of the registry. */
type DeviceWrite =
  | { readonly type: "inventory"; readonly received: Received<Inventory> }
  | { readonly type: "reported"; readonly received: Received<ReportedState> }
  | { readonly type: "presence"; readonly deviceId: string; readonly presence: Presence }
  | { readonly type: "latest"; readonly deviceId: string; readonly latest: NonNullable<DeviceSummary["latest"]> };

/** What devices send, written behind: many messages a transaction, in the order in which they came. */
@Injectable()
export class DeviceWrites {
  readonly #writer: BatchWriter<DeviceWrite, boolean>;

  constructor(database: Database, settings: Settings) {
    this.#writer = database.batchWriter<DeviceTables, DeviceWrite, boolean>(
      { maximumItems: 1_000, maximumWaitMs: settings.writeBehindMs },
      async (db, writes) => {
        const changed: boolean[] = [];
        for (const write of writes) changed.push(await apply(db, write));
        return changed;
      },
    );
  }

  /** Resolves once committed: true when the inventory differs from the one before. */
  inventory(received: Received<Inventory>): Promise<boolean> {
    return this.#writer.add({ type: "inventory", received });
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

async function apply(db: Db, write: DeviceWrite): Promise<boolean> {
  switch (write.type) {
    case "inventory":
      return applyInventory(db, write.received);
    case "reported":
      return applyReported(db, write.received);
    case "presence": {
      const { status, since, sessionId, lastSeenAt } = write.presence;
      return applyColumns(db, write.deviceId, {
        presence: status,
        presence_since: since,
        session_id: sessionId,
        last_seen_at: lastSeenAt,
      });
    }
    case "latest":
      return applyColumns(db, write.deviceId, { latest: JSON.stringify(write.latest) });
  }
}

async function applyColumns(db: Db, deviceId: string, columns: Partial<DeviceTables["device"]>): Promise<boolean> {
  const result = await db.updateTable("device").set(columns).where("device_id", "=", deviceId).executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

async function applyReported(db: Db, { deviceId, message }: Received<ReportedState>): Promise<boolean> {
  const row = await db
    .selectFrom("device")
    .select(["reported_sequence", "reported_boots"])
    .where("device_id", "=", deviceId)
    .executeTakeFirst();
  if (row === undefined) return false;
  const before =
    row.reported_sequence === null
      ? undefined
      : { sequence: row.reported_sequence, boots: JSON.parse(row.reported_boots ?? "[]") as string[] };
  const position = acceptReport(before, { sequence: message.sequence, bootId: message.agent.bootId });
  if (position === undefined) return false;
  return applyColumns(db, deviceId, {
    reported: JSON.stringify(message),
    reported_sequence: position.sequence,
    reported_boots: JSON.stringify(position.boots),
    serving: JSON.stringify(message.serving),
  });
}

async function applyInventory(db: Db, { deviceId, message, receivedAt }: Received<Inventory>): Promise<boolean> {
  const newest = await db
    .selectFrom("device")
    .leftJoin("device_inventory as inventory", "inventory.device_id", "device.device_id")
    .select(["inventory.digest", "inventory.received_at"])
    .where("device.device_id", "=", deviceId)
    .orderBy("inventory.received_at", "desc")
    .limit(1)
    .executeTakeFirst();
  if (newest === undefined) return false;
  await applyColumns(db, deviceId, {
    inventory_at: receivedAt,
    board: message.board.model,
    architecture: message.cpu.architecture,
  });
  const digest = digestOf(message);
  if (newest.digest === digest) return false;
  await db
    .insertInto("device_inventory")
    .values({
      device_id: deviceId,
      // Two within one millisecond stay in their order.
      received_at: Math.max(receivedAt, (newest.received_at ?? 0) + 1),
      digest,
      inventory: JSON.stringify(message),
    })
    .execute();
  await deleteOldInventories(db, deviceId);
  return true;
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
