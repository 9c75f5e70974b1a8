import type { Inventory } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";

/** /proc/meminfo as bytes by name. */
export async function readMeminfo(files: SystemFiles): Promise<Readonly<Record<string, number>>> {
  const text = (await files.readText("/proc/meminfo")) ?? "";
  return Object.fromEntries(
    [...text.matchAll(/^(\w+):\s+(\d+) kB/gm)].map((match) => [match[1], Number(match[2]) * 1024]),
  );
}

/** Memory that the kernel manages: what carve-outs (a Jetson's firmware, a Pi's GPU) take is not in it. */
export async function readMemory(files: SystemFiles): Promise<Inventory["memory"]> {
  const meminfo = await readMeminfo(files);
  return {
    totalBytes: meminfo.MemTotal ?? 0,
    ...(meminfo.SwapTotal === undefined ? {} : { swapBytes: meminfo.SwapTotal }),
  };
}
