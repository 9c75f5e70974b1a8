/**
 * Names of ARM cores by `CPU implementer` and `CPU part` of /proc/cpuinfo (the MIDR_EL1 register).
 * Source: util-linux sys-utils/lscpu-arm.c and the kernel's arch/arm64/include/asm/cputype.h.
 */
const CORES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "0x41": {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xc08": "Cortex-A8",
    "0xc09": "Cortex-A9",
    "0xc0d": "Cortex-A17",
    "0xc0f": "Cortex-A15",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd0d": "Cortex-A77",
    "0xd0e": "Cortex-A76AE",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xd44": "Cortex-X1",
    "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710",
    "0xd49": "Neoverse-N2",
    "0xd4a": "Neoverse-E1",
    "0xd4b": "Cortex-A78C",
    "0xd4d": "Cortex-A715",
    "0xd4f": "Neoverse-V2",
    "0xd80": "Cortex-A520",
    "0xd81": "Cortex-A720",
    "0xd82": "Cortex-X4",
    "0xd83": "Neoverse-V3AE",
    "0xd84": "Neoverse-V3",
    "0xd87": "Cortex-A725",
    "0xd8e": "Neoverse-N3",
  },
  "0x4e": { "0x000": "Denver", "0x003": "Denver 2", "0x004": "Carmel" },
  "0x51": {
    "0x800": "Kryo 260 Gold",
    "0x801": "Kryo 260 Silver",
    "0x802": "Kryo 385 Gold",
    "0x803": "Kryo 385 Silver",
  },
};

const IMPLEMENTERS: Readonly<Record<string, string>> = {
  "0x41": "ARM",
  "0x42": "Broadcom",
  "0x43": "Cavium",
  "0x46": "Fujitsu",
  "0x48": "HiSilicon",
  "0x4e": "NVIDIA",
  "0x51": "Qualcomm",
  "0x53": "Samsung",
  "0x61": "Apple",
  "0xc0": "Ampere",
};

/** The core's name, e.g. "Cortex-A76"; its numbers where the table does not know it. */
export function armCoreName(implementer: string, part: string): string {
  return CORES[implementer]?.[part] ?? `${armVendor(implementer) ?? implementer} part ${part}`;
}

/** Who designed the core. */
export function armVendor(implementer: string): string | undefined {
  return IMPLEMENTERS[implementer];
}
