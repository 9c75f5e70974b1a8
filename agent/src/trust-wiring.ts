import type { HardwareId } from "@sartor/shared/protocol";
import { addressOf, type DeviceIdentity } from "./identity/index.js";
import type { Link } from "./link/index.js";
import {
  DeviceTrust,
  OrderFollower,
  type OrderFollowerOptions,
  RETRIEVAL_LIMITS,
  removeFormerTrust,
  trustFolderOf,
} from "./ota/index.js";
import { type Clock, httpGet, type Logger, type MinimumRate } from "./platform/index.js";
import type { Reconciler } from "./reconcile/index.js";
import { RELEASED_AT } from "./version.js";

interface TrustContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly slowestDelivery?: MinimumRate;
}

/** What this enrolment of the device trusts; what former ones trusted goes. */
export function createTrust(
  stateFolder: string,
  identity: DeviceIdentity,
  hardware: readonly HardwareId[],
  { clock, logger, slowestDelivery }: TrustContext,
): DeviceTrust {
  try {
    removeFormerTrust(stateFolder, identity);
  } catch (error) {
    // It is in nobody's way: this enrolment's folder has another name.
    logger.warn("what a former identity trusted could not be removed", { error });
  }
  return new DeviceTrust({
    folder: trustFolderOf(stateFolder, identity),
    deviceId: identity.deviceId,
    hardware,
    addressOf: (path) => addressOf(identity.httpUrl, path),
    transport: (url, options) => httpGet(url, { ...options, tls: identity.tls }),
    buildTime: RELEASED_AT,
    clock,
    ...(slowestDelivery && { limits: { ...RETRIEVAL_LIMITS, minimumRate: slowestDelivery } }),
  });
}

/** Follows the device's signed orders: what is verified goes to the reconciler first, then to whoever else wants to know of it. */
export function createFollower(
  trust: DeviceTrust,
  reconciler: Reconciler,
  link: Link,
  options: Pick<OrderFollowerOptions, "onRefusal" | "tell" | "clock" | "logger"> & {
    /** Another order is in force. */
    readonly onOrder: () => void;
    readonly periodMs?: number | undefined;
  },
): OrderFollower {
  const { onOrder, periodMs, ...rest } = options;
  return new OrderFollower({
    ...rest,
    refresh: (signal) => trust.refresh(signal),
    generation: reconciler.desired?.generation ?? 0,
    onVerified: (order) => {
      const before = reconciler.desired;
      reconciler.accept(order);
      if (reconciler.desired !== before) onOrder();
    },
    isOnline: () => link.connected,
    random: Math.random,
    ...(periodMs === undefined ? {} : { periodMs }),
  });
}
