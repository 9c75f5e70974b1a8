import type { GroupScope } from "@sartor/shared/protocol";

/** A scope as a column has it: JSON, null for all. */
export function groupsColumn(scope: GroupScope): string | null {
  return scope === null ? null : JSON.stringify([...scope].sort());
}

/** A scope out of its column; it was checked when it was written. */
export function scopeOfColumn(column: string | null): string[] | null {
  return column === null ? null : (JSON.parse(column) as string[]);
}

/** Tells whether two scopes are for the same groups. */
export function isSameScope(one: GroupScope, other: GroupScope): boolean {
  return groupsColumn(one) === groupsColumn(other);
}
