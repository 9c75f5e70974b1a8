import type { Cpu } from "@sartor/shared/protocol";

type Features = Cpu["features"];

/**
 * Linux' names in /proc/cpuinfo for the extensions that decide how fast int8, fp16 and bf16 run.
 * Source: the kernel's arch/x86/include/asm/cpufeatures.h and Documentation/arch/arm64/elf_hwcaps.rst.
 */
const X86_FLAGS: Readonly<Record<string, keyof Features>> = {
  avx2: "avx2",
  avx512f: "avx512f",
  avx512_vnni: "avx512vnni",
  avx_vnni: "avxvnni",
  amx_int8: "amxInt8",
  amx_bf16: "amxBf16",
  avx512_fp16: "avx512fp16",
  avx512_bf16: "bf16",
};
const ARM_FLAGS: Readonly<Record<string, keyof Features>> = {
  neon: "neon",
  asimd: "neon",
  asimdhp: "fp16",
  asimddp: "dotprod",
  i8mm: "i8mm",
  bf16: "bf16",
  sve: "sve",
};

/** Every feature of the family as true or false, so that "no" and "not known" differ. */
function featuresFrom(flags: ReadonlySet<string>, table: Readonly<Record<string, keyof Features>>): Features {
  const features: Features = {};
  for (const [flag, feature] of Object.entries(table))
    features[feature] = features[feature] === true || flags.has(flag);
  return features;
}

export const x86Features = (flags: ReadonlySet<string>): Features => featuresFrom(flags, X86_FLAGS);
export const armFeatures = (flags: ReadonlySet<string>): Features => featuresFrom(flags, ARM_FLAGS);
