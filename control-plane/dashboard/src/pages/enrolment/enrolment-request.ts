import type { EnrolmentKeyRequest, EnrolmentTokenRequest } from "@sartor/shared/protocol";

/** Kinds of hardware that every agent says it is one of. */
export const COMMON_HARDWARE = ["linux-x64", "linux-arm64"] as const;

/** What a person chose for an enrolment. */
export interface EnrolmentChoices {
  readonly lifetimeSeconds: string;
  /** Of {@link COMMON_HARDWARE}. */
  readonly hardware: ReadonlySet<string>;
  /** Further kinds, as they were typed. */
  readonly otherHardware: string;
  readonly note: string;
  readonly replaces: string;
  /** Where the device belongs; empty: where the control plane puts it. */
  readonly group: string;
  readonly offlineSite: boolean;
}

/** One hour, any device. */
export const FIRST_ENROLMENT: EnrolmentChoices = {
  lifetimeSeconds: "3600",
  hardware: new Set(),
  otherHardware: "",
  note: "",
  replaces: "",
  group: "",
  offlineSite: false,
};

/** How long a token counts; a day is the most. */
export const TOKEN_LIFETIMES = [
  ["600", "10 minutes"],
  ["3600", "1 hour"],
  ["28800", "8 hours"],
  ["86400", "1 day"],
] as const;

/** How long an allowed key counts. */
export const KEY_LIFETIMES = [
  ["3600", "1 hour"],
  ["86400", "1 day"],
  ["604800", "7 days"],
  ["2592000", "30 days"],
  ["7776000", "90 days"],
] as const;

/** The request of a token. */
export function toTokenRequest(choices: EnrolmentChoices): EnrolmentTokenRequest {
  const hardware = hardwareOf(choices);
  const note = choices.note.trim();
  const replaces = choices.replaces.trim();
  const group = choices.group.trim();
  return {
    lifetimeSeconds: Number(choices.lifetimeSeconds),
    offlineSite: choices.offlineSite,
    ...(hardware.length === 0 ? {} : { hardware }),
    ...(note === "" ? {} : { note }),
    // What replaces a device stays in its group.
    ...(replaces !== "" ? { replaces } : group === "" ? {} : { group }),
  };
}

/** The request that allows a key. */
export function toKeyRequest(fingerprint: string, choices: EnrolmentChoices): EnrolmentKeyRequest {
  return { ...toTokenRequest(choices), fingerprint: plainFingerprint(fingerprint) };
}

/** A fingerprint as it was typed or read aloud: capital letters, colons and spaces make no difference. */
export function plainFingerprint(text: string): string {
  return text.toLowerCase().replaceAll(/[\s:]/g, "");
}

function hardwareOf({ hardware, otherHardware }: EnrolmentChoices): string[] {
  const typed = otherHardware
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter((each) => each !== "");
  return [...new Set([...hardware, ...typed])];
}
