import type { HardwareId, VariantKind } from "@sartor/shared/protocol";

const X64 = "linux-x64";
const ARM64 = "linux-arm64";

/** Which hardware a kind of variant is signed for, and why. */
export interface KindHardware {
  readonly hardware: readonly HardwareId[];
  readonly reason: string;
}

/**
 * The kinds of hardware that a variant of a kind is signed for. A device refuses what is not for it, so this is wide: a variant that would
 * only be slow somewhere is left to the tailoring plan; one that would compute something else there is kept from it.
 */
export function hardwareOfKind(kind: VariantKind): KindHardware {
  switch (kind) {
    case "fp32":
    case "fp16":
      return { hardware: [X64, ARM64], reason: "floating point computes the same everywhere" };
    case "int8-weight-only":
    case "int4-weight-only":
      return { hardware: [X64, ARM64], reason: "only the weights are packed; activations stay floating point" };
    case "int8-dynamic":
      return {
        hardware: [X64, ARM64],
        reason: "activations are quantized as they come, with either processor's kernels",
      };
    case "int8-u8s8":
      return { hardware: [X64], reason: "unsigned activations times signed weights are x86's instructions (VNNI)" };
    case "int8-u8s8-reduced":
      return { hardware: [X64], reason: "reduced range guards against the 16-bit overflow of x86 without VNNI" };
    case "int8-s8s8":
      return { hardware: [ARM64], reason: "signed times signed is ARM's dot product; x86 has slow kernels for it" };
    case "int8-tensorrt":
      return { hardware: [X64, ARM64], reason: "NVIDIA's accelerators sit in both, and TensorRT reads the same graph" };
  }
}
