import type { Role } from "@sartor/shared/protocol";

/** The roles, the least first, with what each may. Of the shared packages the page takes types only. */
export const ROLE_OPTIONS = [
  ["viewer", "viewer: reads"],
  ["operator", "operator: also changes things"],
  ["admin", "admin: also decides whom to trust"],
] as const satisfies readonly (readonly [Role, string])[];

/** What a strong password is. */
export const PASSWORD_HINT = "12 characters or more, and not what everybody tries first.";
