import { Injectable } from "@nestjs/common";
import { loadProfiles } from "@sartor/firmware-profiles";
import {
  type DeviceProfiles,
  profileDevice,
  type ResolvedProfile,
  toEmulatedInventory,
} from "@sartor/shared/domain/hardware";
import { SartorError } from "@sartor/shared/errors";
import type { FirmwareProfileView, Inventory } from "@sartor/shared/protocol";
import { VERSION } from "../config/index.js";
import { planningKey } from "./planning-key.js";

/** Kinds of hardware remembered with their profiles. */
const KINDS_KEPT = 2_048;

/** The firmware profiles, read once, and what devices are by them. */
@Injectable()
export class FirmwareProfiles {
  readonly #profiles: readonly ResolvedProfile[] = loadProfiles();
  readonly #kinds = new Map<string, DeviceProfiles>();

  list(): FirmwareProfileView[] {
    return [...this.#profiles]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, title, role, executionProviders }) => ({
        id,
        title,
        role,
        providers: executionProviders.map(({ name }) => name),
      }));
  }

  /** What a device is. */
  profile(inventory: Inventory, key: string = planningKey(inventory)): DeviceProfiles {
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const found = profileDevice(inventory, this.#profiles);
    if (found === undefined) throw new Error("no firmware profile fits, not even the safe one");
    const [oldest] = this.#kinds.keys();
    if (oldest !== undefined && this.#kinds.size >= KINDS_KEPT) this.#kinds.delete(oldest);
    this.#kinds.set(key, found);
    return found;
  }

  /**
   * The reference hardware of a profile, as a real device with the runtime that comes with the agent would report it: what else the
   * hardware could run is locked until its own runtime adapter is installed, and plans say so.
   *
   * @throws SartorError SRT_PROFILE_UNKNOWN
   */
  reference(profileId: string, onnxRuntimeVersion: string, now: number): Inventory {
    const profile = this.#profiles.find(({ id }) => id === profileId);
    if (profile === undefined) {
      throw new SartorError("SRT_PROFILE_UNKNOWN", `There is no firmware profile ${profileId}.`);
    }
    const runtime = {
      agentVersion: VERSION,
      nodeVersion: process.version,
      onnxRuntimeVersion,
      executionProviders: [{ name: "cpu", bundled: true }],
    };
    const emulated = toEmulatedInventory(profile.id, profile.referenceInventory, { runtime, collectedAt: now });
    const { emulatedProfile: _emulatedProfile, ...inventory } = emulated;
    return { ...inventory, emulated: false };
  }
}
