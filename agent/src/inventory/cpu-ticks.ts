import type { SystemFiles } from "../platform/index.js";

/** Ticks since boot: all, and those in which a core did something. */
export interface CpuTicks {
  readonly total: number;
  readonly busy: number;
}

/** First line of /proc/stat: user nice system idle iowait irq softirq steal, then guest times that user holds already (proc(5)). */
export async function readCpuTicks(files: SystemFiles): Promise<CpuTicks | undefined> {
  const line = /^cpu\s+([\d ]+)/m.exec((await files.readText("/proc/stat")) ?? "")?.[1];
  const ticks = line?.trim().split(/\s+/).slice(0, 8).map(Number);
  if (ticks === undefined || ticks.length < 5) return undefined;
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { total, busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}

/** Length of a tick, ms: Linux shows times to programs in hundredths of a second on every architecture that it runs on here (USER_HZ). */
export const TICK_MS = 10;

/** Time that a process spent on processors since it began, and which process it is: ids come again. */
export interface ProcessTime {
  /** Time of its start, ticks since boot. */
  readonly startedAt: number;
  readonly busyMs: number;
}

/** Fields 14, 15 and 22 of /proc/<pid>/stat (proc(5)); the second one, a name in brackets, may hold spaces and brackets itself. */
export async function readProcessTime(files: SystemFiles, pid: number): Promise<ProcessTime | undefined> {
  const text = await files.readText(`/proc/${pid}/stat`);
  const fields = text
    ?.slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(/\s+/)
    .map(Number);
  const [user, system, startedAt] = [fields?.[11], fields?.[12], fields?.[19]];
  if (user === undefined || system === undefined || startedAt === undefined) return undefined;
  if (![user, system, startedAt].every(Number.isFinite)) return undefined;
  return { startedAt, busyMs: (user + system) * TICK_MS };
}
