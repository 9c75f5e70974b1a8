import type { DeviceSummary } from "@sartor/shared/protocol";

/** What a group is called, as a person reads it beside a field. */
export const GROUP_HINT = "1 to 63 of a-z, 0-9 and -. A group exists by being named.";

/** A group with how many of the devices that are shown it has. */
export interface KnownGroup {
  readonly group: string;
  readonly devices: number;
}

/** Groups of devices, by name. */
export function groupsOf(devices: readonly DeviceSummary[]): KnownGroup[] {
  const counts = new Map<string, number>();
  for (const { group } of devices) counts.set(group, (counts.get(group) ?? 0) + 1);
  return [...counts]
    .map(([group, count]) => ({ group, devices: count }))
    .sort((left, right) => (left.group < right.group ? -1 : 1));
}

/** Groups as somebody typed them, with commas or spaces between, each once; null where nothing was typed, which means all. */
export function parseGroups(text: string): string[] | null {
  const names = text.split(/[\s,;]+/).filter((name) => name !== "");
  return names.length === 0 ? null : [...new Set(names)];
}

/** The groups that somebody's role is for, as a person reads it. */
export function scopeWords(groups: readonly string[] | null): string {
  if (groups === null) return "all groups";
  return groups.length === 0 ? "no group" : groups.join(", ");
}
