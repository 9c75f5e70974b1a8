import type { ApiScope } from "@sartor/shared/protocol";

/** Which part of the REST interface an address belongs to, by what follows `/api/v1/`. */
const SCOPE_OF: Readonly<Record<string, ApiScope>> = {
  "api-tokens": "people",
  audit: "audit",
  builds: "models",
  certificates: "devices",
  devices: "devices",
  "enrolment-tokens": "devices",
  enrolments: "devices",
  "firmware-profiles": "models",
  groups: "devices",
  models: "models",
  "operator-token": "people",
  rollouts: "rollouts",
  system: "system",
  tailoring: "models",
  trust: "trust",
  tunings: "devices",
  uploads: "models",
  users: "people",
};

/** The part that a route belongs to, by its pattern; undefined for one that limited API tokens never may. */
export function scopeOfRoute(pattern: string): ApiScope | undefined {
  const segment = /^\/api\/v1\/([^/]+)/.exec(pattern)?.[1] ?? "";
  return Object.hasOwn(SCOPE_OF, segment) ? SCOPE_OF[segment] : undefined;
}

/** Everybody may ask who they are. */
export const OWN_ROUTES = "/api/v1/session";
