import type { Cpu } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { armCoreName, armVendor } from "./arm-cores.js";
import { armFeatures, x86Features } from "./cpu-features.js";
import { type FrequencyPolicy, readFrequencyPolicies } from "./cpu-frequency.js";
import { defined, shortText } from "./text.js";

/** One core's block of /proc/cpuinfo, keys in lower case. */
type CoreBlock = Readonly<Record<string, string>>;

/** Splits /proc/cpuinfo into one block a core; what follows the cores (Hardware, Revision, Serial, Model) is left out. */
export function parseCpuinfo(text: string): CoreBlock[] {
  const blocks: Record<string, string>[] = [];
  for (const line of text.split("\n")) {
    const separator = line.indexOf(":");
    if (separator < 0) continue;
    const key = line.slice(0, separator).trim().toLowerCase();
    const value = line.slice(separator + 1).trim();
    if (key === "processor" && /^\d+$/.test(value)) blocks.push({});
    const block = blocks.at(-1);
    if (block !== undefined) block[key] ??= value;
  }
  return blocks;
}

const flagsOf = (block: CoreBlock): string[] => (block.flags ?? block.features ?? "").split(/\s+/).filter(Boolean);

/** What every core has: software may be moved to any of them. */
function commonFlags(blocks: readonly CoreBlock[]): Set<string> {
  const [first, ...others] = blocks.map((block) => new Set(flagsOf(block)));
  return new Set([...(first ?? [])].filter((flag) => others.every((set) => set.has(flag))));
}

function readX86(blocks: readonly CoreBlock[], maximumFrequencyMhz: number | undefined): Cpu {
  const flags = commonFlags(blocks);
  const physical = new Set(
    blocks.flatMap((block) => (block["core id"] === undefined ? [] : `${block["physical id"]}/${block["core id"]}`)),
  );
  return defined({
    architecture: flags.has("lm") ? "x64" : "other",
    vendor: shortText(blocks[0]?.vendor_id),
    model: shortText(blocks[0]?.["model name"]),
    logicalCores: blocks.length,
    physicalCores: physical.size === 0 ? undefined : physical.size,
    maximumFrequencyMhz,
    features: x86Features(flags),
  }) as Cpu;
}

/** Groups cores of one type and one maximum clock; RK3588 has two policies of two Cortex-A76, which make one cluster. */
function clustersOf(blocks: readonly CoreBlock[], policies: readonly FrequencyPolicy[]): NonNullable<Cpu["clusters"]> {
  const clusters = new Map<string, { core: string; count: number; maximumFrequencyMhz?: number }>();
  for (const block of blocks) {
    const core = armCoreName(block["cpu implementer"] ?? "?", block["cpu part"] ?? "?");
    const maximum = policies.find((policy) => policy.cores.includes(Number(block.processor)))?.maximumMhz;
    const key = `${core}@${maximum}`;
    const cluster = clusters.get(key) ?? {
      core,
      count: 0,
      ...(maximum === undefined ? {} : { maximumFrequencyMhz: maximum }),
    };
    cluster.count += 1;
    clusters.set(key, cluster);
  }
  return [...clusters.values()].slice(0, 16);
}

function readArm(
  blocks: readonly CoreBlock[],
  policies: readonly FrequencyPolicy[],
  maximumFrequencyMhz: number | undefined,
): Cpu {
  const flags = commonFlags(blocks);
  const clusters = clustersOf(blocks, policies);
  return defined({
    // A 64-bit kernel shows `asimd` to 64-bit programs only; a 32-bit agent on it runs 32-bit code, so "arm" is right.
    architecture: flags.has("asimd") ? "arm64" : "arm",
    vendor: armVendor(blocks[0]?.["cpu implementer"] ?? ""),
    model: shortText([...new Set(clusters.map((cluster) => cluster.core))].join(" + ")),
    logicalCores: blocks.length,
    physicalCores: blocks.length,
    maximumFrequencyMhz,
    clusters,
    features: armFeatures(flags),
  }) as Cpu;
}

/** Reads the processor from /proc/cpuinfo and cpufreq. Cores that are offline (a Jetson's 7 W mode) do not count. */
export async function readCpu(files: SystemFiles): Promise<Cpu> {
  const blocks = parseCpuinfo((await files.readText("/proc/cpuinfo")) ?? "");
  const policies = await readFrequencyPolicies(files);
  const clocks = policies.flatMap((policy) => policy.maximumMhz ?? []);
  const maximum = clocks.length === 0 ? undefined : Math.max(...clocks);
  if (blocks[0]?.vendor_id !== undefined) return readX86(blocks, maximum);
  if (blocks[0]?.["cpu implementer"] !== undefined) return readArm(blocks, policies, maximum);
  return { architecture: "other", logicalCores: Math.max(1, blocks.length), features: {} };
}
