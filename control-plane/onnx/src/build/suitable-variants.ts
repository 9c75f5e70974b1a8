import type { ModelFamily, VariantName } from "@sartor/shared/protocol";

const STATIC: readonly VariantName[] = ["int8-u8s8", "int8-u8s8-reduced", "int8-s8s8", "int8-tensorrt"];

/**
 * The variants that are made of a network where nobody says which, fp32 left out, which is there already. Static int8 needs calibration;
 * what finds scales at run time or keeps only weights small pays where matrix products dominate; int4 is for transformers and language
 * models, as it destroyed others. Never pruned ones, which change the network, and never `int8-s8s8-symmetric`, whose ReLUs stay and
 * compute in float.
 */
export function suitableVariants(family: ModelFamily, options: { readonly calibration: boolean }): VariantName[] {
  const calibrated = options.calibration ? STATIC : [];
  switch (family) {
    case "convolution":
    case "depthwise":
      return ["fp16", ...calibrated];
    case "transformer":
    case "language_model":
      return ["fp16", "int8-dynamic", "int8-weight-only", "int4-weight-only", ...calibrated];
    case "other":
      return ["fp16", "int8-dynamic", "int8-weight-only", ...calibrated];
  }
}
