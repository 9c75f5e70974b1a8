import type { TailoringPlan } from "@sartor/shared/protocol";
import { chosenOf, type DeviceKind } from "../tailoring/index.js";

/** What a rollout would bring, as far as plans have come. */
export interface Expected {
  /** Devices by the variant that they would get, the most frequent first. */
  readonly variants: readonly { readonly name: string; readonly devices: number }[];
  /** Devices that no variant fits. */
  readonly unfit: number;
  /** Devices whose plan has not come, or that have not said what hardware they are. */
  readonly unknown: number;
}

/** Counts what devices would get: one plan speaks for all devices of its group. */
export function expectVariants(
  total: number,
  groups: readonly DeviceKind[],
  planOf: (group: DeviceKind) => TailoringPlan | null | undefined,
): Expected {
  const counts = new Map<string, number>();
  let unfit = 0;
  let known = 0;
  for (const group of groups) {
    const plan = planOf(group);
    if (plan === null || plan === undefined) continue;
    const count = group.devices.length;
    known += count;
    const name = chosenOf(plan)?.variant.name;
    if (name === undefined) unfit += count;
    else counts.set(name, (counts.get(name) ?? 0) + count);
  }
  const variants = [...counts]
    .map(([name, devices]) => ({ name, devices }))
    .sort((left, right) => right.devices - left.devices || (left.name < right.name ? -1 : 1));
  return { variants, unfit, unknown: total - known };
}
