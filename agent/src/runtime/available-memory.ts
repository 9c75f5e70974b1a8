import type { SystemFiles } from "../platform/index.js";

/** Control groups above this process that are looked at. */
const MOST_LEVELS = 32;

/** Where a version of control groups says what it allows and what is used. */
interface Accounting {
  readonly base: string;
  readonly limits: readonly string[];
  readonly usage: string;
  /** In `memory.stat`: file pages that nobody used of late, which the kernel gives back first. */
  readonly reclaimable: string;
}

/** Linux, Documentation/admin-guide/cgroup-v2.rst: past `memory.high` a group is slowed down, past `memory.max` killed. */
const UNIFIED: Accounting = {
  base: "/sys/fs/cgroup",
  limits: ["memory.max", "memory.high"],
  usage: "memory.current",
  reclaimable: "inactive_file",
};

/** Linux, Documentation/admin-guide/cgroup-v1/memory.rst: still there on JetPack 4 and 5. */
const LEGACY: Accounting = {
  base: "/sys/fs/cgroup/memory",
  limits: ["memory.limit_in_bytes"],
  usage: "memory.usage_in_bytes",
  reclaimable: "total_inactive_file",
};

/**
 * Memory that this process and its children may take before others have to give some back, bytes: what the kernel estimates for the whole
 * machine (`MemAvailable`, proc(5)), or what a control group around the agent leaves where that is less. Swap counts for nothing.
 * Undefined where the system does not tell.
 */
export async function readAvailableMemory(files: SystemFiles): Promise<number | undefined> {
  const meminfo = (await files.readText("/proc/meminfo")) ?? "";
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1];
  const groups = (await files.readText("/proc/self/cgroup")) ?? "";
  const rooms = [
    ...(kilobytes === undefined ? [] : [Number(kilobytes) * 1024]),
    ...(await roomsIn(files, UNIFIED, /^0::(.*)$/m.exec(groups)?.[1])),
    ...(await roomsIn(files, LEGACY, /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(groups)?.[1])),
  ];
  return rooms.length === 0 ? undefined : Math.max(0, Math.min(...rooms));
}

/** What each group from the process's own to the outermost that can be seen leaves, where it has a limit. */
async function roomsIn(files: SystemFiles, accounting: Accounting, path: string | undefined): Promise<number[]> {
  if (path === undefined) return [];
  // In a container the path may be the host's, of which only the container's own group can be seen, at the base.
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  const rooms: number[] = [];
  for (let depth = 0; depth <= Math.min(names.length, MOST_LEVELS); depth++) {
    const folder = [accounting.base, ...names.slice(0, depth)].join("/");
    const used = bytesIn(await files.readText(`${folder}/${accounting.usage}`));
    if (used === undefined) continue;
    const stat = (await files.readText(`${folder}/memory.stat`)) ?? "";
    const reclaimable = bytesIn(new RegExp(`^${accounting.reclaimable} (\\d+)$`, "m").exec(stat)?.[1]) ?? 0;
    for (const name of accounting.limits) {
      const limit = bytesIn(await files.readText(`${folder}/${name}`));
      if (limit !== undefined) rooms.push(limit - Math.max(0, used - reclaimable));
    }
  }
  return rooms;
}

/** A count of bytes; undefined for "max", which is none. */
function bytesIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}
