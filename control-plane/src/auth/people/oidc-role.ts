import { type Role, roleIncludes } from "@sartor/shared/protocol";

/** Most values of a claim that are looked at. */
const MOST_VALUES = 1_000;

/** The highest role that a claim's values stand for; undefined for none. A claim is a text or a list of texts. */
export function roleOfClaim(claim: unknown, roles: ReadonlyMap<string, Role>): Role | undefined {
  const values = (Array.isArray(claim) ? claim : [claim]).slice(0, MOST_VALUES);
  let highest: Role | undefined;
  for (const value of values) {
    const role = typeof value === "string" ? roles.get(value) : undefined;
    if (role !== undefined && (highest === undefined || roleIncludes(role, highest))) highest = role;
  }
  return highest;
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
