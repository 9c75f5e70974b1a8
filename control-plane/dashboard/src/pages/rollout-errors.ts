import type { DeviceDeploymentView } from "@sartor/shared/protocol";

/** Devices that failed for the same reason. */
export interface ErrorGroup {
  readonly code: string;
  readonly message: string;
  readonly devices: readonly Pick<DeviceDeploymentView, "deviceId" | "deviceName">[];
}

type Told = Pick<DeviceDeploymentView, "deviceId" | "deviceName">;

/** Errors of a rollout's deployments by what they say, the most frequent first. */
export function groupErrors(deployments: readonly (Told & Pick<DeviceDeploymentView, "error">)[]): ErrorGroup[] {
  return groupBy(deployments, ({ error }) => error);
}

/** Why devices of a rollout cannot be told of it yet, the most frequent first. */
export function groupHeld(deployments: readonly (Told & Pick<DeviceDeploymentView, "held">)[]): ErrorGroup[] {
  return groupBy(deployments, ({ held }) => held);
}

/** What a device that cannot be told yet waits for. */
export function heldWords({ code, message }: NonNullable<DeviceDeploymentView["held"]>): string {
  return `${AWAITED.has(code) ? "awaiting signature" : "held back"}: ${message}`;
}

/** Codes of what a signature of a person ends. */
const AWAITED = new Set(["SRT_TRUST_UNSIGNED", "SRT_TRUST_NO_ROOT", "SRT_TRUST_SIGNATURE", "SRT_TRUST_EXPIRED"]);

function groupBy<Row extends Told>(
  deployments: readonly Row[],
  errorOf: (deployment: Row) => DeviceDeploymentView["error"],
): ErrorGroup[] {
  const groups = new Map<string, { code: string; message: string; devices: ErrorGroup["devices"][number][] }>();
  for (const deployment of deployments) {
    const error = errorOf(deployment);
    if (error === null) continue;
    const { deviceId, deviceName } = deployment;
    const key = `${error.code} ${error.message}`;
    const group = groups.get(key) ?? { code: error.code, message: error.message, devices: [] };
    group.devices.push({ deviceId, deviceName });
    groups.set(key, group);
  }
  return [...groups.values()].sort((left, right) => right.devices.length - left.devices.length);
}
