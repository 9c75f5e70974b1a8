import type { DeviceDeploymentView } from "@sartor/shared/protocol";

/** Devices that failed for the same reason. */
export interface ErrorGroup {
  readonly code: string;
  readonly message: string;
  readonly devices: readonly Pick<DeviceDeploymentView, "deviceId" | "deviceName">[];
}

/** Errors of a rollout's deployments by what they say, the most frequent first. */
export function groupErrors(
  deployments: readonly Pick<DeviceDeploymentView, "deviceId" | "deviceName" | "error">[],
): ErrorGroup[] {
  const groups = new Map<string, { code: string; message: string; devices: ErrorGroup["devices"][number][] }>();
  for (const { error, deviceId, deviceName } of deployments) {
    if (error === null) continue;
    const key = `${error.code} ${error.message}`;
    const group = groups.get(key) ?? { code: error.code, message: error.message, devices: [] };
    group.devices.push({ deviceId, deviceName });
    groups.set(key, group);
  }
  return [...groups.values()].sort((left, right) => right.devices.length - left.devices.length);
}
