import type { VariantKind, VariantName } from "@sartor/shared/protocol";

/** What a variant is, for people. */
export interface VariantWords {
  readonly title: string;
  readonly text: string;
}

const KINDS: Readonly<Record<VariantKind, VariantWords>> = {
  fp32: {
    title: "32-bit floating point",
    text: "The model as it was trained, folded. It runs everywhere and loses nothing.",
  },
  fp16: {
    title: "16-bit floating point",
    text: "Half the size. Fast on GPUs; on most processors only smaller, not faster.",
  },
  "int8-u8s8": {
    title: "8-bit whole numbers for x86",
    text: "A quarter of the size and the fastest on x86 processors with VNNI or AMX. Needs calibration samples.",
  },
  "int8-u8s8-reduced": {
    title: "8-bit for older x86",
    text: "With 7-bit weights, because x86 processors without VNNI overflow with 8 bits. Needs calibration samples.",
  },
  "int8-s8s8": {
    title: "8-bit whole numbers for ARM",
    text: "For ARM processors, best with the dot-product extension. Needs calibration samples.",
  },
  "int8-tensorrt": {
    title: "8-bit for NVIDIA TensorRT",
    text: "Laid out as TensorRT wants it, for Jetson modules and NVIDIA GPUs. Needs calibration samples.",
  },
  "int8-dynamic": {
    title: "8-bit, ranges found while it runs",
    text: "For networks that are mostly matrix products (transformers). Needs no calibration samples.",
  },
  "int8-weight-only": {
    title: "8-bit weights only",
    text: "A quarter of the size at the speed of fp32: for little memory or slow links. Needs no calibration samples.",
  },
  "int4-weight-only": {
    title: "4-bit weights only",
    text: "An eighth of the size; made for language models, costs accuracy elsewhere. Needs no calibration samples.",
  },
};

const PRUNED = "Channels that matter least are removed first: fewer multiplications, some accuracy. ";

/** Every variant that a build can make, in the order in which they are offered. */
export const VARIANTS: Readonly<Record<VariantName, VariantWords>> = {
  fp32: KINDS.fp32,
  fp16: KINDS.fp16,
  "int8-u8s8": KINDS["int8-u8s8"],
  "int8-u8s8-reduced": KINDS["int8-u8s8-reduced"],
  "int8-s8s8": KINDS["int8-s8s8"],
  "int8-s8s8-symmetric": {
    title: "8-bit for ARM, symmetric",
    text: "With every zero point at 0, which the fastest kernels of ARM processors want. Needs calibration samples.",
  },
  "int8-tensorrt": KINDS["int8-tensorrt"],
  "int8-dynamic": KINDS["int8-dynamic"],
  "int8-weight-only": KINDS["int8-weight-only"],
  "int4-weight-only": KINDS["int4-weight-only"],
  "fp32-pruned": { title: "Pruned, 32-bit", text: `${PRUNED}Runs everywhere.` },
  "int8-u8s8-pruned": { title: "Pruned, 8-bit for x86", text: `${PRUNED}Needs calibration samples.` },
  "int8-s8s8-pruned": { title: "Pruned, 8-bit for ARM", text: `${PRUNED}Needs calibration samples.` },
};

/** What a variant is, by its name or else by its kind; one of a newer server goes by its kind's name. */
export function variantWords({ name, kind }: { readonly name: string; readonly kind: string }): VariantWords {
  const known: Readonly<Record<string, VariantWords>> = { ...KINDS, ...VARIANTS };
  return known[name] ?? known[kind] ?? { title: kind, text: "" };
}
