import { type CodeTable, entry } from "./entry.js";

/** Rollouts and what became of them on each device. */
export const ROLLOUT_CODES = {
  SRT_ROLLOUT_UNKNOWN: entry(404, "No such rollout.", "Check the rollout id."),
  SRT_ROLLOUT_NO_DEVICES: entry(422, "The rollout selects no device.", "Enrol a device first or widen the selection."),
  SRT_DEPLOYMENT_TIMED_OUT: entry(
    504,
    "A device did not finish within the deployment's deadline.",
    "Look at the device's last reported step; retry the rollout when it is reachable.",
  ),
  SRT_DEPLOYMENT_CANCELED: entry(
    409,
    "The deployment was canceled with its rollout.",
    "Nothing to do; start another rollout when you want the bundle on the device.",
  ),
  SRT_DEPLOYMENT_SUPERSEDED: entry(
    409,
    "A newer rollout took this deployment's place on the device.",
    "Nothing to do; look at the newer rollout, which the details name.",
  ),
} as const satisfies CodeTable;
