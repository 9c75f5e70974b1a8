/** Parts of a model version's page. */
export const VERSION_PARTS = ["variants", "devices", "builds", "datasets"] as const;
export type VersionPart = (typeof VERSION_PARTS)[number];

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
  | { readonly page: "unknown"; readonly path: string };

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // A broken escape in a typed address: the page for unknown addresses says so.
    return undefined;
  }
}

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
  if (id === undefined) {
    if (area === "devices") return { page: "fleet" };
    if (area === "rollouts") return { page: "rollouts" };
    if (area === "new-rollout") return { page: "new-rollout" };
    if (area === "models") return { page: "models" };
    return unknown;
  }
  if (area === "models") return versionRoute(id, rest) ?? unknown;
  if (rest.length > 0) return unknown;
  if (area === "devices") return { page: "device", deviceId: id };
  if (area === "rollouts") return { page: "rollout", rolloutId: id };
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

/** Address of a part of a model version's page. It never ends in the version: what ends in a dot and a word is a file. */
export function versionPath(model: string, version: string, part: VersionPart = "variants"): string {
  return `/models/${encodeURIComponent(model)}/${encodeURIComponent(version)}/${part}`;
}

/** Address of a variant's card. */
export function cardPath(model: string, version: string, variant: string): string {
  return `${versionPath(model, version)}/${encodeURIComponent(variant)}`;
}
