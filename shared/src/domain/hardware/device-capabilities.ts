import type { Accelerator, Inventory, RuntimeAdapterName } from "../../protocol/index.js";
import type { ResolvedProfile } from "./firmware-profile.js";
import { matchAccelerators, matchProfile, type ProfileMatch } from "./match-profile.js";
import type { PowerMode, PrecisionFacts, ProviderFacts } from "./profile-facts.js";

/** What a device is: its own profile and those of its accelerators. */
export interface DeviceProfiles {
  /** Id of this kind of hardware: the profile's id and those of its accelerators, joined by "+". */
  readonly deviceType: string;
  readonly device: ProfileMatch<ResolvedProfile>;
  readonly accelerators: readonly ProfileMatch<ResolvedProfile>[];
  /** True when nothing but the safe profile fits. */
  readonly generic: boolean;
}

/** Priority of the safe profile that fits everything. */
export const SAFE_PRIORITY = 0;

/**
 * Finds what a device is. Of several accelerators that would bring the same execution provider the first counts.
 * Undefined when no profile fits, which cannot happen while the safe one is among them.
 */
export function profileDevice(
  inventory: Partial<Inventory>,
  profiles: readonly ResolvedProfile[],
): DeviceProfiles | undefined {
  const device = matchProfile(inventory, profiles);
  if (device === undefined) return undefined;
  const taken = new Set(device.profile.executionProviders.map((provider) => provider.name));
  const accelerators = matchAccelerators(inventory, profiles).filter(({ profile }) => {
    const names = profile.executionProviders.map((provider) => provider.name);
    if (names.some((name) => taken.has(name))) return false;
    for (const name of names) taken.add(name);
    return true;
  });
  return {
    deviceType: [device, ...accelerators].map((match) => match.profile.id).join("+"),
    device,
    accelerators,
    generic: device.profile.match.priority === SAFE_PRIORITY,
  };
}

/** An execution provider on this device. */
export interface ProviderCapability {
  readonly facts: ProviderFacts;
  readonly profileId: string;
  /** Whether what runs models on this device offers it now. */
  readonly installed: boolean;
  /** Most memory that a model may take on it by the profile, bytes. */
  readonly memoryBudgetBytes: number;
  readonly memoryReason: string;
}

/** Inventory and profiles put together: what planning needs to know of a device. */
export interface DeviceCapabilities {
  readonly deviceType: string;
  readonly title: string;
  readonly generic: boolean;
  readonly emulated: boolean;
  /** Cores of the fastest kind: work that waits for little cores is as slow as they are. */
  readonly fastCores: number;
  /** What the fastest cores are called, where known. */
  readonly fastCore: string | undefined;
  readonly clockMhz: number | undefined;
  /** In the order of preference: accelerators first. */
  readonly providers: readonly ProviderCapability[];
  readonly precisions: readonly PrecisionFacts[];
  readonly powerModes: readonly PowerMode[];
  readonly maximumMilliwatts: number | undefined;
  readonly activePowerModeId: number | undefined;
  readonly traps: readonly string[];
}

export interface CapabilityOptions {
  /** "reported": providers that the device's runtime lists. "all": as if every adapter were installed, for what-if plans. */
  readonly providers: "reported" | "all";
  /** Adapters on the device besides the agent's own. */
  readonly adapters?: readonly RuntimeAdapterName[];
}

/** The fastest kind of core: highest clock, then the larger group. */
function fastestCores(cpu: Inventory["cpu"]): { count: number; core: string | undefined; mhz: number | undefined } {
  const clusters = [...(cpu.clusters ?? [])].sort(
    (a, b) => (b.maximumFrequencyMhz ?? 0) - (a.maximumFrequencyMhz ?? 0) || b.count - a.count,
  );
  const fastest = clusters[0];
  const count = Math.min(fastest?.count ?? cpu.physicalCores ?? cpu.logicalCores, cpu.logicalCores);
  return { count, core: fastest?.core, mhz: fastest?.maximumFrequencyMhz ?? cpu.maximumFrequencyMhz };
}

/** Memory that a profile's budget is a share of: the device's own, or that of the largest accelerator which has some. */
function memoryOf(profile: ResolvedProfile, inventory: Inventory): number {
  if (profile.role === "device" || profile.memory.sharedWithGpu) return inventory.memory.totalBytes;
  return Math.max(0, ...inventory.accelerators.map((accelerator: Accelerator) => accelerator.memoryBytes ?? 0));
}

function memoryBudget(profile: ResolvedProfile, inventory: Inventory): number {
  const { modelShare, maximumModelBytes } = profile.memory;
  return Math.floor(Math.min(memoryOf(profile, inventory) * modelShare, maximumModelBytes ?? Number.POSITIVE_INFINITY));
}

function isInstalled(facts: ProviderFacts, inventory: Inventory, options: CapabilityOptions): boolean {
  if (options.providers === "all") return true;
  if (facts.adapter !== "onnxruntime-node") return options.adapters?.includes(facts.adapter) ?? false;
  return inventory.runtime.executionProviders.some((provider) => provider.name === facts.name);
}

/** Puts inventory and profiles together. */
export function deviceCapabilities(
  inventory: Inventory,
  profiles: DeviceProfiles,
  options: CapabilityOptions,
): DeviceCapabilities {
  const matches = [...profiles.accelerators, profiles.device];
  const cores = fastestCores(inventory.cpu);
  const own = profiles.device.profile;
  return {
    deviceType: profiles.deviceType,
    title: [own, ...profiles.accelerators.map((match) => match.profile)].map((profile) => profile.title).join(" + "),
    generic: profiles.generic,
    emulated: inventory.emulated,
    fastCores: cores.count,
    fastCore: cores.core,
    clockMhz: cores.mhz,
    providers: matches.flatMap(({ profile }) =>
      profile.executionProviders.map((facts) => ({
        facts,
        profileId: profile.id,
        installed: isInstalled(facts, inventory, options),
        memoryBudgetBytes: memoryBudget(profile, inventory),
        memoryReason: profile.memory.reason,
      })),
    ),
    precisions: matches.flatMap(({ profile }) => profile.precisions),
    powerModes: own.power?.modes ?? [],
    maximumMilliwatts: own.power?.maximumMilliwatts,
    activePowerModeId: inventory.jetson?.powerMode?.id,
    traps: matches.flatMap(({ profile }) => profile.traps.map((trap) => trap.text)),
  };
}
