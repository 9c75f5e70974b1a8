import type { DeviceSummary, Inventory, ReportedState } from "@sartor/shared/protocol";
import type { Received } from "../events/index.js";
import type { DeviceInventoryTable, DeviceTable } from "./devices.tables.js";
import type { Presence } from "./presence.js";
import { acceptReport, type ReportedPosition } from "./reported-guard.js";

/** One thing that was heard of a device and is to be kept. */
export type DeviceWrite =
  | { readonly type: "inventory"; readonly received: Received<Inventory>; readonly digest: string }
  | { readonly type: "reported"; readonly received: Received<ReportedState> }
  | { readonly type: "presence"; readonly deviceId: string; readonly presence: Presence }
  | { readonly type: "latest"; readonly deviceId: string; readonly latest: NonNullable<DeviceSummary["latest"]> };

/** What has to be known of a device to apply writes to it. */
export interface DeviceState {
  readonly reported: ReportedPosition | undefined;
  readonly newestInventory: { readonly digest: string; readonly receivedAt: number } | undefined;
}

/** What a batch comes down to: one update a device, and the inventories that differ. */
export interface BatchPlan {
  readonly updates: ReadonlyMap<string, Partial<DeviceTable>>;
  readonly inventories: readonly DeviceInventoryTable[];
  /** For each write, whether it was news. */
  readonly news: readonly boolean[];
}

/** The device that a write is about. */
export function deviceOf(write: DeviceWrite): string {
  return "received" in write ? write.received.deviceId : write.deviceId;
}

/**
 * Applies writes in their order and merges what they change, so that a thousand messages of a hundred devices cost a
 * hundred updates. Devices without a state were deleted; what is heard of them is left out.
 */
export function planBatch(states: ReadonlyMap<string, DeviceState>, writes: readonly DeviceWrite[]): BatchPlan {
  const plan = { current: new Map(states), updates: new Map<string, Partial<DeviceTable>>(), inventories: [] };
  const news = writes.map((write) => applyWrite(plan, write));
  return { updates: plan.updates, inventories: plan.inventories, news };
}

/** A batch while it is planned. */
interface Planning {
  readonly current: Map<string, DeviceState>;
  readonly updates: Map<string, Partial<DeviceTable>>;
  readonly inventories: DeviceInventoryTable[];
}

/** Applies one write; tells whether it was news. */
function applyWrite(plan: Planning, write: DeviceWrite): boolean {
  const deviceId = deviceOf(write);
  const state = plan.current.get(deviceId);
  if (state === undefined) return false;
  const change = (columns: Partial<DeviceTable>): true => {
    plan.updates.set(deviceId, { ...plan.updates.get(deviceId), ...columns });
    return true;
  };
  switch (write.type) {
    case "presence": {
      const { status, since, sessionId, lastSeenAt } = write.presence;
      return change({ presence: status, presence_since: since, session_id: sessionId, last_seen_at: lastSeenAt });
    }
    case "latest":
      return change({ latest: JSON.stringify(write.latest) });
    case "reported": {
      const { message } = write.received;
      const reported = acceptReport(state.reported, { sequence: message.sequence, bootId: message.agent.bootId });
      if (reported === undefined) return false;
      plan.current.set(deviceId, { ...state, reported });
      return change({
        reported: JSON.stringify(message),
        reported_sequence: reported.sequence,
        reported_boots: JSON.stringify(reported.boots),
        serving: JSON.stringify(message.serving),
      });
    }
    case "inventory": {
      const { message, receivedAt } = write.received;
      change({ inventory_at: receivedAt, board: message.board.model, architecture: message.cpu.architecture });
      if (state.newestInventory?.digest === write.digest) return false;
      // Two within one millisecond stay in their order.
      const at = Math.max(receivedAt, (state.newestInventory?.receivedAt ?? 0) + 1);
      plan.current.set(deviceId, { ...state, newestInventory: { digest: write.digest, receivedAt: at } });
      plan.inventories.push({
        device_id: deviceId,
        received_at: at,
        digest: write.digest,
        inventory: JSON.stringify(message),
      });
      return true;
    }
  }
}
