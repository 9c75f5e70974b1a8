import { SYSTEM_FILE_LIMIT_BYTES, type SystemFiles } from "./system-files.js";

/**
 * Proportional set size of one process, bytes: its own memory and its share of what it shares. Undefined where the system does not
 * tell. Kernels before 4.14 (JetPack 4) have no roll-up: there the mappings are added up.
 */
export async function readProportionalBytes(files: SystemFiles, pid: number): Promise<number | undefined> {
  const text = (await files.readText(`/proc/${pid}/smaps_rollup`)) ?? (await files.readText(`/proc/${pid}/smaps`));
  if (text === undefined) return undefined;
  // A list that was cut off would give too small a sum; its last entry is whole only when the file is.
  if (text.length >= SYSTEM_FILE_LIMIT_BYTES) return undefined;
  const values = [...text.matchAll(/^Pss:\s+(\d+) kB/gm)].map((match) => Number(match[1]) * 1024);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
