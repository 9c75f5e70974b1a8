/** One enrolled device. JSON columns hold text; times are ms since 1970. */
export interface DeviceTable {
  device_id: string;
  name: string;
  emulated: number;
  enrolled_at: number;
  presence: string;
  presence_since: number;
  session_id: string | null;
  last_seen_at: number | null;
  board: string | null;
  architecture: string | null;
  inventory_at: number | null;
  reported: string | null;
  reported_sequence: number | null;
  reported_boots: string | null;
  serving: string | null;
  deployment: string | null;
  latest: string | null;
  desired_generation: number;
}

/** What a list shows of a device. */
export type DeviceSummaryRow = Omit<
  DeviceTable,
  "session_id" | "inventory_at" | "reported" | "reported_sequence" | "reported_boots" | "desired_generation"
> & { group_name: string };

/** Inventories of a device, newest last; only those that differ from the one before. */
export interface DeviceInventoryTable {
  device_id: string;
  received_at: number;
  digest: string;
  inventory: string;
}

/** Something that a device told its operators. */
export interface DeviceEventTable {
  device_id: string;
  sequence: number;
  at: number;
  received_at: number;
  level: string;
  code: string | null;
  message: string;
}

export interface DeviceTables {
  device_event: DeviceEventTable;
  device: DeviceTable;
  device_inventory: DeviceInventoryTable;
}
