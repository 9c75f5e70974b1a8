import { setImmediate as pause } from "node:timers/promises";
import { type ModelCard, planTailoring } from "@sartor/shared/domain/tailoring";
import type { Inventory, TailoringPlan, TailoringPolicy, TuningMeasurement } from "@sartor/shared/protocol";
import type { OfferedVariant } from "../variants/index.js";
import type { FirmwareProfiles } from "./firmware-profiles.service.js";
import type { MeasurementsRepository } from "./measurements.repository.js";
import { runnableCandidates } from "./offered-variants.js";
import { planningKey } from "./planning-key.js";
import type { OrderedCandidate } from "./stored-tuning.js";

/** A plan, and what of it the device can run by itself. */
export interface DevicePlan {
  readonly plan: TailoringPlan;
  /** Best first; empty where nothing fits. */
  readonly runnable: readonly OrderedCandidate[];
}

/** What the planner of a version works with. */
export interface VersionPlannerParts {
  readonly card: ModelCard;
  readonly variants: readonly OfferedVariant[];
  readonly policy: TailoringPolicy;
  readonly profiles: FirmwareProfiles;
  readonly measurements: Pick<MeasurementsRepository, "ofType">;
  readonly now: () => number;
  readonly newId: () => string;
}

/**
 * Plans one version under one policy for many devices. Made for one piece of work and then dropped, so that nothing in it grows old: each
 * kind of hardware is planned once, with the measurements of its type read once, and the event loop gets a turn after each.
 */
export class VersionPlanner {
  readonly #plans = new Map<string, Promise<DevicePlan>>();
  readonly #measurements = new Map<string, Promise<TuningMeasurement[]>>();

  constructor(private readonly parts: VersionPlannerParts) {}

  get variants(): readonly OfferedVariant[] {
    return this.parts.variants;
  }

  /** The plan for a device with this inventory. */
  plan(inventory: Inventory): Promise<DevicePlan> {
    const key = planningKey(inventory);
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const made = this.make(inventory, key);
    this.#plans.set(key, made);
    return made;
  }

  private async make(inventory: Inventory, key: string): Promise<DevicePlan> {
    const { card, variants, policy, profiles, now, newId } = this.parts;
    const device = profiles.profile(inventory, key);
    const measurements = await this.measured(device.deviceType, inventory.emulated);
    await pause();
    const plan = planTailoring({ planId: newId(), now: now(), inventory, device, card, policy, measurements });
    const reported = inventory.runtime.executionProviders.map(({ name }) => name);
    return { plan, runnable: runnableCandidates(plan, variants, reported) };
  }

  private measured(deviceType: string, emulated: boolean): Promise<TuningMeasurement[]> {
    const key = `${deviceType} ${emulated}`;
    const known = this.#measurements.get(key);
    if (known !== undefined) return known;
    const read = this.parts.measurements.ofType(deviceType, emulated, this.parts.card.model);
    this.#measurements.set(key, read);
    return read;
  }
}
