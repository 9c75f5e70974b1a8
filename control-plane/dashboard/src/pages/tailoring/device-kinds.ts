import type { DeviceSummary } from "@sartor/shared/protocol";

/** Devices that look alike by their board: one of them speaks for all where plans are only looked at. */
export interface DeviceKind {
  readonly key: string;
  readonly board: string;
  readonly emulated: boolean;
  readonly devices: readonly DeviceSummary[];
  /** The device whose plan is asked for. */
  readonly sample: DeviceSummary;
}

/** Groups devices by board, architecture and whether they are real; the largest group first. Devices without an inventory are left out. */
export function kindsOfDevices(devices: readonly DeviceSummary[]): DeviceKind[] {
  const groups = new Map<string, [DeviceSummary, ...DeviceSummary[]]>();
  for (const device of devices) {
    if (device.board === null) continue;
    const key = `${device.board} ${device.architecture ?? ""} ${device.emulated}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [device]);
    else group.push(device);
  }
  return [...groups]
    .map(([key, members]) => ({
      key,
      board: members[0].board ?? "",
      emulated: members[0].emulated,
      devices: members,
      sample: members[0],
    }))
    .sort((left, right) => right.devices.length - left.devices.length || (left.key < right.key ? -1 : 1));
}
