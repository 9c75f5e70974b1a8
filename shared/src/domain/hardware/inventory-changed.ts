import type { Inventory } from "../../protocol/index.js";

/** Free disk space counts as changed when it moved by this share of the disk: less is the daily noise of logs and caches. */
export const DISK_AVAILABLE_TOLERANCE = 0.05;

/** Lists whose order says nothing: the readers sort, but another version of the agent may sort differently. */
const UNORDERED = new Set(["thermalZones", "interfaces", "executionProviders", "powerRails", "powerModes"]);

/** One form for one content: keys sorted, unordered lists sorted, so that equal content is an equal string. */
function canonical(value: unknown, key = ""): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item));
    return `[${(UNORDERED.has(key) ? items.sort() : items).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry, name)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/**
 * Names the parts of the inventory that differ ("cpu", "jetson", "disk"), for the log and for deciding whether to report.
 *
 * Not a change: the time of collection, and free disk space that moved by less than {@link DISK_AVAILABLE_TOLERANCE} of the
 * disk since the last report. Everything else is: a core that went offline, another power mode, a new kernel.
 */
export function inventoryChanges(previous: Inventory, next: Inventory): string[] {
  const { collectedAt: _before, disk: diskBefore, ...before } = previous;
  const { collectedAt: _after, disk: diskAfter, ...after } = next;
  const parts = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof typeof before)[];
  const changed: string[] = parts.filter(
    (part) => canonical(before[part] ?? null, part) !== canonical(after[part] ?? null, part),
  );
  const moved = Math.abs(diskAfter.availableBytes - diskBefore.availableBytes);
  const diskChanged =
    diskBefore.path !== diskAfter.path ||
    diskBefore.totalBytes !== diskAfter.totalBytes ||
    (moved > 0 && moved >= diskAfter.totalBytes * DISK_AVAILABLE_TOLERANCE);
  return diskChanged ? [...changed, "disk"] : changed;
}

/** Whether the device must report its inventory again. */
export function inventoryChanged(previous: Inventory, next: Inventory): boolean {
  return inventoryChanges(previous, next).length > 0;
}
