/** Every page, with what its address carries. */
export type Route =
  | { readonly page: "fleet" }
  | { readonly page: "device"; readonly deviceId: string }
  | { readonly page: "rollouts" }
  | { readonly page: "rollout"; readonly rolloutId: string }
  | { readonly page: "models" }
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
  const [area, id, ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length > 0) return unknown;
  if (area === undefined) return { page: "fleet" };
  const name = id === undefined ? undefined : decode(id);
  if (id === undefined) {
    if (area === "devices") return { page: "fleet" };
    if (area === "rollouts") return { page: "rollouts" };
    if (area === "models") return { page: "models" };
    return unknown;
  }
  if (name === undefined) return unknown;
  if (area === "devices") return { page: "device", deviceId: name };
  if (area === "rollouts") return { page: "rollout", rolloutId: name };
  return unknown;
}

/** Address of a device's page. */
export function devicePath(deviceId: string): string {
  return `/devices/${encodeURIComponent(deviceId)}`;
}

/** Address of a rollout's page. */
export function rolloutPath(rolloutId: string): string {
  return `/rollouts/${encodeURIComponent(rolloutId)}`;
}
