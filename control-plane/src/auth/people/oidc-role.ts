import { type GroupScope, roleIncludes } from "@sartor/shared/protocol";
import type { ClaimedRole } from "../../config/index.js";

/** Most values of a claim that are looked at. */
const MOST_VALUES = 1_000;

/**
 * The highest role that a claim's values stand for, for the groups of all values that give this role; undefined for none. A lower role for
 * more groups does not count: a person has one role. A claim is a text or a list of texts.
 */
export function roleOfClaim(claim: unknown, roles: ReadonlyMap<string, ClaimedRole>): ClaimedRole | undefined {
  const values = (Array.isArray(claim) ? claim : [claim]).slice(0, MOST_VALUES);
  let highest: ClaimedRole | undefined;
  for (const value of values) {
    const claimed = typeof value === "string" ? roles.get(value) : undefined;
    if (claimed === undefined) continue;
    if (highest === undefined || (roleIncludes(claimed.role, highest.role) && claimed.role !== highest.role)) {
      highest = claimed;
    } else if (claimed.role === highest.role) {
      highest = { role: highest.role, groups: union(highest.groups, claimed.groups) };
    }
  }
  return highest;
}

function union(one: GroupScope, other: GroupScope): GroupScope {
  return one === null || other === null ? null : [...new Set([...one, ...other])];
}

/** A user name made of what the identity provider calls a person. */
export function userNameOfClaims(claims: Readonly<Record<string, unknown>>): string {
  const called = [claims.preferred_username, claims.email, claims.sub].find(
    (value): value is string => typeof value === "string" && value !== "",
  );
  const name = (called ?? "")
    .toLowerCase()
    .replace(/[^a-z0-9._@-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 48);
  return name === "" ? "person" : name;
}
