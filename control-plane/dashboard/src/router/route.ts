/** Parts of a model version's page. */
export const VERSION_PARTS = ["variants", "devices", "builds", "datasets"] as const;
export type VersionPart = (typeof VERSION_PARTS)[number];

/** Parts of the page about people. */
export const PEOPLE_PARTS = ["users", "api-tokens"] as const;
export type PeoplePart = (typeof PEOPLE_PARTS)[number];

/** Every page, with what its address carries. */
export type Route =
  | { readonly page: "fleet" }
  | { readonly page: "device"; readonly deviceId: string }
  | { readonly page: "rollouts" }
  | { readonly page: "rollout"; readonly rolloutId: string }
  | { readonly page: "new-rollout" }
  | { readonly page: "models" }
  | { readonly page: "version"; readonly model: string; readonly version: string; readonly part: VersionPart }
  | { readonly page: "card"; readonly model: string; readonly version: string; readonly variant: string }
  | { readonly page: "enrolment" }
  | { readonly page: "trust" }
  | { readonly page: "people"; readonly part: PeoplePart }
  | { readonly page: "audit" }
  | { readonly page: "account" }
  | { readonly page: "unknown"; readonly path: string };

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // A broken escape in a typed address: the page for unknown addresses says so.
    return undefined;
  }
}

/** Pages whose address is one word; without a prototype, so that no word of an address finds anything else. */
const SINGLE: Readonly<Record<string, Route>> = Object.assign(Object.create(null), {
  devices: { page: "fleet" },
  rollouts: { page: "rollouts" },
  "new-rollout": { page: "new-rollout" },
  models: { page: "models" },
  enrolment: { page: "enrolment" },
  trust: { page: "trust" },
  people: { page: "people", part: "users" },
  audit: { page: "audit" },
  account: { page: "account" },
} satisfies Record<string, Route>);

/** Reads a path of the address bar; a trailing slash makes no difference. */
export function parseRoute(path: string): Route {
  const unknown: Route = { page: "unknown", path };
  const parts = path
    .split("/")
    .filter((part) => part !== "")
    .map(decode);
  if (parts.some((part) => part === undefined)) return unknown;
  const [area, id, ...rest] = parts as string[];
  if (area === undefined) return { page: "fleet" };
  if (id === undefined) return SINGLE[area] ?? unknown;
  if (area === "models") return versionRoute(id, rest) ?? unknown;
  if (rest.length > 0) return unknown;
  if (area === "devices") return { page: "device", deviceId: id };
  if (area === "rollouts") return { page: "rollout", rolloutId: id };
  const part = PEOPLE_PARTS.find((each) => each === id);
  if (area === "people" && part !== undefined) return { page: "people", part };
  return unknown;
}

/** `/models/NAME/VERSION/PART` and `/models/NAME/VERSION/variants/VARIANT`. */
function versionRoute(model: string, [version, area, variant, ...rest]: string[]): Route | undefined {
  const part = VERSION_PARTS.find((each) => each === area);
  if (version === undefined || part === undefined || rest.length > 0) return undefined;
  if (variant === undefined) return { page: "version", model, version, part };
  return part === "variants" ? { page: "card", model, version, variant } : undefined;
}

/** Address of a device's page. */
export function devicePath(deviceId: string): string {
  return `/devices/${encodeURIComponent(deviceId)}`;
}

/** Address of a rollout's page. */
export function rolloutPath(rolloutId: string): string {
  return `/rollouts/${encodeURIComponent(rolloutId)}`;
}

/** Address of the page that starts a rollout, of a version where one is given. */
export function newRolloutPath(model?: string, version?: string): string {
  const chosen = model === undefined || version === undefined ? "" : `?${new URLSearchParams({ model, version })}`;
  return `/new-rollout${chosen}`;
}

/** Address of a part of the page about people. */
export function peoplePath(part: PeoplePart = "users"): string {
  return `/people/${part}`;
}

/** Address of a part of a model version's page. It never ends in the version: what ends in a dot and a word is a file. */
export function versionPath(model: string, version: string, part: VersionPart = "variants"): string {
  return `/models/${encodeURIComponent(model)}/${encodeURIComponent(version)}/${part}`;
}

/** Address of a variant's card. */
export function cardPath(model: string, version: string, variant: string): string {
  return `${versionPath(model, version)}/${encodeURIComponent(variant)}`;
}
