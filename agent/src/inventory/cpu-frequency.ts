import type { SystemFiles } from "../platform/index.js";
import { byNumber, numberFrom } from "./text.js";

/** One cpufreq policy: cores that share a clock. */
export interface FrequencyPolicy {
  readonly path: string;
  /** Core numbers, offline ones too. */
  readonly cores: readonly number[];
  readonly maximumMhz?: number;
}

const ROOT = "/sys/devices/system/cpu/cpufreq";

/** Reads the cpufreq policies (kernel: admin-guide/pm/cpufreq.rst; clocks there are in kHz); none in most virtual machines. */
export async function readFrequencyPolicies(files: SystemFiles): Promise<FrequencyPolicy[]> {
  const names = (await files.list(ROOT)).filter((name) => /^policy\d+$/.test(name)).sort(byNumber);
  return Promise.all(
    names.map(async (name) => {
      const path = `${ROOT}/${name}`;
      const cores = (await files.readText(`${path}/related_cpus`)) ?? "";
      const maximum = numberFrom(await files.readText(`${path}/cpuinfo_max_freq`));
      return {
        path,
        cores: cores.trim().split(/\s+/).filter(Boolean).map(Number).filter(Number.isInteger),
        ...(maximum === undefined ? {} : { maximumMhz: maximum / 1000 }),
      };
    }),
  );
}

/** Mean clock of the cores now, MHz: each policy counts with its number of cores; /proc/cpuinfo where cpufreq is absent (x86). */
export async function readMeanFrequencyMhz(files: SystemFiles): Promise<number | undefined> {
  let sum = 0;
  let cores = 0;
  for (const policy of await readFrequencyPolicies(files)) {
    const now = numberFrom(await files.readText(`${policy.path}/scaling_cur_freq`));
    if (now === undefined) continue;
    const weight = Math.max(1, policy.cores.length);
    sum += (now / 1000) * weight;
    cores += weight;
  }
  if (cores > 0) return sum / cores;
  const clocks = await cpuinfoClocks(files);
  return clocks.length === 0 ? undefined : clocks.reduce((total, clock) => total + clock, 0) / clocks.length;
}

/**
 * Highest clock now among the fast cores (those whose policy allows the most), MHz. Idle cores clock down by themselves, so the
 * lowest says nothing; heat and power limits cap all cores of a package or cluster, and so the highest too. /proc/cpuinfo where cpufreq
 * is absent (x86).
 */
export async function readFastestFrequencyMhz(files: SystemFiles): Promise<number | undefined> {
  const policies = await readFrequencyPolicies(files);
  const most = Math.max(0, ...policies.map(({ maximumMhz }) => maximumMhz ?? 0));
  const fast = policies.filter(({ maximumMhz }) => (maximumMhz ?? 0) === most);
  const clocks = await Promise.all(
    fast.map(async ({ path }) => numberFrom(await files.readText(`${path}/scaling_cur_freq`))),
  );
  const known = clocks.filter((clock) => clock !== undefined).map((clock) => clock / 1000);
  if (known.length === 0) known.push(...(await cpuinfoClocks(files)));
  return known.length === 0 ? undefined : Math.max(...known);
}

async function cpuinfoClocks(files: SystemFiles): Promise<number[]> {
  const text = (await files.readText("/proc/cpuinfo")) ?? "";
  return [...text.matchAll(/^cpu MHz\s*:\s*([\d.]+)/gm)].map((match) => Number(match[1]));
}
