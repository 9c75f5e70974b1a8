import type { DeviceDetail, DeviceSummary, Inventory, ReportedServing, ReportedState } from "@sartor/shared/protocol";
import type { DeviceSummaryRow, DeviceTable } from "./devices.tables.js";
import type { Presence } from "./presence.js";

/** A device for lists. What is known of its presence right now is newer than what its row says. */
export function toSummary(row: DeviceSummaryRow, presence: Presence | undefined): DeviceSummary {
  return {
    deviceId: row.device_id,
    name: row.name,
    group: row.group_name,
    emulated: row.emulated === 1,
    enrolledAt: row.enrolled_at,
    presence: {
      status: presence?.status ?? (row.presence as DeviceSummary["presence"]["status"]),
      since: presence?.since ?? row.presence_since,
    },
    lastSeenAt: presence?.lastSeenAt ?? row.last_seen_at,
    board: row.board,
    architecture: row.architecture,
    serving: servingOf(json<ReportedServing>(row.serving)),
    deployment: json<NonNullable<DeviceSummary["deployment"]>>(row.deployment),
    latest: json<NonNullable<DeviceSummary["latest"]>>(row.latest),
  };
}

/** A device's page. */
export function toDetail(
  summary: DeviceSummary,
  row: DeviceTable,
  inventory: string | null,
  invalidMessages: Record<string, number>,
): DeviceDetail {
  return {
    ...summary,
    inventory: json<Inventory>(inventory),
    inventoryAt: row.inventory_at,
    reported: json<ReportedState>(row.reported),
    desiredGeneration: row.desired_generation,
    invalidMessages,
  };
}

function servingOf(serving: ReportedServing | null): DeviceSummary["serving"] {
  if (serving === null) return null;
  const { state, model = null, version = null, variant = null } = serving;
  return { state, model, version, variant };
}

/** A JSON column; it was validated when it was written. */
function json<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
