import type { DeviceSummary, RolloutRequest, TailoringPolicy } from "@sartor/shared/protocol";

/** What stands in the form of a rollout; numbers are texts, as people type them. */
export interface RolloutChoices {
  readonly name: string;
  /** `MODEL VERSION`, as {@link versionKeyOf} writes it; empty while none is chosen. */
  readonly version: string;
  readonly whom: "everyone" | "groups" | "devices";
  /** Ticked; count where `whom` says so. */
  readonly groups: ReadonlySet<string>;
  readonly deviceIds: ReadonlySet<string>;
  /** Name of a variant for all; empty for each device's own plan. */
  readonly variant: string;
  readonly maximumP95Ms: string;
  readonly minimumAccuracyPercent: string;
  readonly maximumMemoryMib: string;
  readonly maximumPowerWatts: string;
  readonly deadlineMinutes: string;
  readonly tune: "auto" | "always" | "never";
}

/** The form as it stands at first. */
export const FIRST_ROLLOUT: RolloutChoices = {
  name: "",
  version: "",
  whom: "everyone",
  groups: new Set(),
  deviceIds: new Set(),
  variant: "",
  maximumP95Ms: "",
  minimumAccuracyPercent: "",
  maximumMemoryMib: "",
  maximumPowerWatts: "",
  deadlineMinutes: "60",
  tune: "auto",
};

/** A version as one text. */
export function versionKeyOf({ model, version }: { readonly model: string; readonly version: string }): string {
  return `${model} ${version}`;
}

/** The limits that the choices stand for; an empty field is no limit. */
export function toPolicy(choices: RolloutChoices): Partial<TailoringPolicy> {
  const maximumP95Ms = numberOf(choices.maximumP95Ms);
  const accuracy = numberOf(choices.minimumAccuracyPercent);
  const memory = numberOf(choices.maximumMemoryMib);
  const power = numberOf(choices.maximumPowerWatts);
  return {
    ...(maximumP95Ms === undefined ? {} : { maximumP95Ms }),
    ...(accuracy === undefined ? {} : { minimumAccuracy: Number((accuracy / 100).toPrecision(12)) }),
    ...(memory === undefined ? {} : { maximumMemoryBytes: Math.round(memory * 2 ** 20) }),
    ...(power === undefined ? {} : { maximumPowerMilliwatts: Math.round(power * 1000) }),
  };
}

/** The request that the choices stand for. */
export function toRolloutRequest(
  choices: RolloutChoices,
  key: { readonly model: string; readonly version: string },
): RolloutRequest {
  const name = choices.name.trim();
  return {
    name: name === "" ? `${key.model} ${key.version}` : name,
    model: key.model,
    version: key.version,
    devices: targetsOf(choices),
    deadlineSeconds: Math.max(10, Math.round(60 * Number(choices.deadlineMinutes))),
    tailoring: {
      ...(choices.variant === "" ? {} : { variant: choices.variant }),
      policy: toPolicy(choices),
      tune: choices.tune,
    },
  };
}

function targetsOf({ whom, groups, deviceIds }: RolloutChoices): RolloutRequest["devices"] {
  if (whom === "everyone") return "all";
  return whom === "groups" ? { groups: [...groups].sort() } : [...deviceIds];
}

/** Tells whether a device is among those that were chosen. */
export function isChosen(device: DeviceSummary, { whom, groups, deviceIds }: RolloutChoices): boolean {
  if (whom === "everyone") return true;
  return whom === "groups" ? groups.has(device.group) : deviceIds.has(device.deviceId);
}

function numberOf(text: string): number | undefined {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? undefined : value;
}
