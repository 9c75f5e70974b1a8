import { SartorError } from "@sartor/shared/errors";
import { type GroupScope, groupListSchema, type Role, roleSchema } from "@sartor/shared/protocol";
import type { SettingsReader } from "./settings-reader.js";

/** What a value of the role claim stands for. */
export interface ClaimedRole {
  readonly role: Role;
  /** Groups of devices that the role is for; null means all. */
  readonly groups: GroupScope;
}

/** An identity provider (OpenID Connect) that people may log in at. */
export interface OidcSettings {
  readonly issuer: URL;
  readonly clientId: string;
  /** Undefined for a public client: PKCE alone. */
  readonly clientSecret: string | undefined;
  readonly scope: string;
  /** The claim of the ID token that says what a person may do: text, or a list of texts. */
  readonly roleClaim: string;
  /** Role, and groups that it is for, by value of that claim. */
  readonly roles: ReadonlyMap<string, ClaimedRole>;
}

const MOST_ROLES = 64;

/** @throws SartorError SRT_CONFIG_INVALID */
export function oidcSettings(read: SettingsReader): OidcSettings | undefined {
  const issuer = read.optionalUrl("SARTOR_OIDC_ISSUER", ["https:", "http:"]);
  const clientId = read.optionalText("SARTOR_OIDC_CLIENT_ID");
  const clientSecret = read.optionalSecret("SARTOR_OIDC_CLIENT_SECRET");
  const roles = read.optionalText("SARTOR_OIDC_ROLES");
  if (issuer === undefined && clientId === undefined) return undefined;
  if (issuer === undefined) throw invalid("SARTOR_OIDC_ISSUER", "must be set together with SARTOR_OIDC_CLIENT_ID");
  if (clientId === undefined) throw invalid("SARTOR_OIDC_CLIENT_ID", "must be set together with SARTOR_OIDC_ISSUER");
  if (roles === undefined)
    throw invalid("SARTOR_OIDC_ROLES", "must say who may do what, as in fleet-admins=admin,staff=viewer");
  const url = new URL(issuer);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw invalid("SARTOR_OIDC_ISSUER", "must start with https://: passwords and keys come from there");
  }
  return {
    issuer: url,
    clientId,
    clientSecret,
    scope: read.text("SARTOR_OIDC_SCOPE", "openid profile email"),
    roleClaim: read.text("SARTOR_OIDC_ROLE_CLAIM", "groups"),
    roles: parseRoles(roles),
  };
}

/** `value=role` or `value=role@group+group`, with commas between. */
function parseRoles(text: string): Map<string, ClaimedRole> {
  const pairs = text.split(",").map((pair) => pair.trim());
  const roles = new Map<string, ClaimedRole>();
  for (const pair of pairs.filter((each) => each !== "")) {
    // The last one: a value of the claim may hold one, too.
    const at = pair.lastIndexOf("=");
    const [name, named] = pair
      .slice(at + 1)
      .trim()
      .split("@", 2);
    const role = roleSchema.safeParse(name);
    const groups = named === undefined ? undefined : groupListSchema.safeParse(named.split("+"));
    const value = pair.slice(0, Math.max(0, at)).trim();
    if (value === "" || !role.success) {
      throw invalid("SARTOR_OIDC_ROLES", `must be a list of <value>=viewer, operator or admin, but holds "${pair}"`);
    }
    if (groups?.success === false) {
      throw invalid("SARTOR_OIDC_ROLES", `must name groups as in staff=operator@plant-1+plant-2, but holds "${pair}"`);
    }
    roles.set(value, { role: role.data, groups: groups?.data ?? null });
  }
  if (roles.size === 0 || roles.size > MOST_ROLES)
    throw invalid("SARTOR_OIDC_ROLES", `must name 1 to ${MOST_ROLES} values`);
  return roles;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function invalid(name: string, problem: string): SartorError {
  return new SartorError("SRT_CONFIG_INVALID", `${name} ${problem}.`, { details: { setting: name } });
}
