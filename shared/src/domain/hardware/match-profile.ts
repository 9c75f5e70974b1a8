import type { Inventory } from "../../protocol/index.js";
import type { FirmwareProfile } from "./firmware-profile.js";
import type { MatchRule } from "./match-rule.js";

/** The hardware part of an inventory; a profile's reference inventory is one too. */
export type MatchableInventory = Partial<Inventory>;

/** What matching needs to know of a profile. */
export type MatchableProfile = Pick<FirmwareProfile, "id" | "match" | "role">;

/** A profile that fits, and which of its rules made it so. */
export interface ProfileMatch<P extends MatchableProfile = FirmwareProfile> {
  readonly profile: P;
  /** One sentence a rule, for the page that explains a device. */
  readonly reasons: readonly string[];
}

/** Every value that a dotted path leads to; several where it has a `*`. */
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  const [step, ...rest] = path;
  if (step === undefined) return value === undefined ? [] : [value];
  if (step === "*") return Array.isArray(value) ? value.flatMap((item) => valuesAt(item, rest)) : [];
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return [];
  return valuesAt((value as Readonly<Record<string, unknown>>)[step], rest);
}

/** Numbers compare as numbers; versions and compute capabilities are strings that hold one ("8.7"). */
function comparable(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function holdsFor(rule: MatchRule, value: unknown): boolean {
  if (rule.equals !== undefined) return value === rule.equals;
  if (rule.oneOf !== undefined) return rule.oneOf.some((candidate) => candidate === value);
  if (rule.includes !== undefined) return Array.isArray(value) && value.includes(rule.includes);
  if (rule.startsWith !== undefined) return typeof value === "string" && value.startsWith(rule.startsWith);
  const number = comparable(value);
  if (rule.atLeast !== undefined) return number !== undefined && number >= rule.atLeast;
  if (rule.atMost !== undefined) return number !== undefined && number <= rule.atMost;
  return false;
}

/** Whether one rule holds; with `*` in its path, whether it holds for any entry. */
export function ruleHolds(rule: MatchRule, inventory: MatchableInventory): boolean {
  const values = valuesAt(inventory, rule.field.split("."));
  if (rule.exists !== undefined) return values.length > 0 === rule.exists;
  return values.some((value) => holdsFor(rule, value));
}

/** A rule as a person reads it: `board.compatible includes rockchip,rk3588`. */
function sentence(rule: MatchRule): string {
  const [comparison, value] = Object.entries(rule).find(([name]) => name !== "field") ?? ["exists", true];
  const words = comparison.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${rule.field} ${words} ${Array.isArray(value) ? value.join(", ") : String(value)}`;
}

/** Whether a profile fits, whatever others fit better. */
export function profileFits<P extends MatchableProfile>(
  profile: P,
  inventory: MatchableInventory,
): ProfileMatch<P> | undefined {
  const { all, any, none } = profile.match;
  if (!all.every((rule) => ruleHolds(rule, inventory))) return undefined;
  const chosen = any?.find((rule) => ruleHolds(rule, inventory));
  if (any !== undefined && chosen === undefined) return undefined;
  if (none?.some((rule) => ruleHolds(rule, inventory))) return undefined;
  return { profile, reasons: [...all, ...(chosen === undefined ? [] : [chosen])].map(sentence) };
}

/** Best first: higher priority, then more rules, then the first by id, so that the answer never depends on the order of files. */
function fitting<P extends MatchableProfile>(
  inventory: MatchableInventory,
  profiles: readonly P[],
  role: "device" | "accelerator",
): ProfileMatch<P>[] {
  return profiles
    .filter((profile) => (profile.role ?? "device") === role)
    .flatMap((profile) => profileFits(profile, inventory) ?? [])
    .sort(
      (a, b) =>
        b.profile.match.priority - a.profile.match.priority ||
        b.reasons.length - a.reasons.length ||
        (a.profile.id < b.profile.id ? -1 : 1),
    );
}

/** Finds the profile of a device: the best that fits, accelerators' profiles left out. Undefined when none fits. */
export function matchProfile<P extends MatchableProfile>(
  inventory: MatchableInventory,
  profiles: readonly P[],
): ProfileMatch<P> | undefined {
  return fitting(inventory, profiles, "device")[0];
}

/** Finds the profiles of the accelerators in a device, best first. */
export function matchAccelerators<P extends MatchableProfile>(
  inventory: MatchableInventory,
  profiles: readonly P[],
): ProfileMatch<P>[] {
  return fitting(inventory, profiles, "accelerator");
}
