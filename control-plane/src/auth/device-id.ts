/** Letters of the random end: 32^8 keeps ids apart even where a thousand devices share a name. */
export const DEVICE_ID_SUFFIX_LENGTH = 8;
const MAXIMUM_SLUG = 40;

/**
 * A device's id out of its name, e.g. `gate-7-k3m9x2pq`: readable in topics and logs, unique by its random end.
 *
 * @param suffix {@link DEVICE_ID_SUFFIX_LENGTH} of a-z and 0-9
 */
export function deviceIdOf(name: string, suffix: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAXIMUM_SLUG)
    .replace(/^-+|-+$/g, "");
  return `${slug || "device"}-${suffix}`;
}
