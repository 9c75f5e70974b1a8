import type { DeviceCapabilities, PowerMode } from "../hardware/index.js";
import { watts } from "./wording.js";

/** What a limit on power means for a device. */
export type PowerVerdict =
  | { readonly kind: "unlimited" }
  /** The mode that the device is in holds the limit. */
  | { readonly kind: "holds"; readonly reason: string }
  /** The device has to change to this mode. */
  | { readonly kind: "switch"; readonly mode: PowerMode; readonly reason: string }
  /** Nobody can tell before it was measured. */
  | { readonly kind: "unknown"; readonly warning: string }
  | { readonly kind: "impossible"; readonly reason: string };

/** Decides how a device can hold a limit on power; `maximum` in mW. The budget of a mode stands for its power: it caps clocks. */
export function judgePower(capabilities: DeviceCapabilities, maximum: number | undefined): PowerVerdict {
  if (maximum === undefined) return { kind: "unlimited" };
  const { powerModes, activePowerModeId, maximumMilliwatts } = capabilities;
  if (maximumMilliwatts !== undefined && maximumMilliwatts <= maximum) {
    return {
      kind: "holds",
      reason: `The module draws ${watts(maximumMilliwatts)} at most, within the limit of ${watts(maximum)}.`,
    };
  }
  const budgeted = powerModes.filter((mode) => mode.budgetMilliwatts !== undefined);
  const active = powerModes.find((mode) => mode.id === activePowerModeId);
  if (active?.budgetMilliwatts !== undefined && active.budgetMilliwatts <= maximum) {
    return {
      kind: "holds",
      reason: `Its power mode ${active.name} is budgeted at ${watts(active.budgetMilliwatts)}, within the limit of ${watts(maximum)}.`,
    };
  }
  const allowed = budgeted
    .filter((mode) => (mode.budgetMilliwatts ?? 0) <= maximum)
    .sort(
      (a, b) =>
        (b.budgetMilliwatts ?? 0) - (a.budgetMilliwatts ?? 0) ||
        (b.onlineCores ?? 0) - (a.onlineCores ?? 0) ||
        a.id - b.id,
    );
  const mode = allowed[0];
  if (mode !== undefined) {
    const now =
      active === undefined
        ? "Its power mode is not known"
        : `Its power mode ${active.name} may draw more than ${watts(maximum)}`;
    return { kind: "switch", mode, reason: `${now}: it has to change to ${mode.name} (nvpmodel -m ${mode.id}).` };
  }
  if (budgeted.length > 0) {
    const least = Math.min(...budgeted.map((entry) => entry.budgetMilliwatts ?? 0));
    return {
      kind: "impossible",
      reason: `Its most frugal known power mode is budgeted at ${watts(least)}, above the limit of ${watts(maximum)}.`,
    };
  }
  return {
    kind: "unknown",
    warning: `Nothing is known of this device's power: only a measurement can tell whether it holds ${watts(maximum)}.`,
  };
}
