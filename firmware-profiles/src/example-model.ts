import type { ModelCard } from "@sartor/shared/domain/tailoring";
import { VARIANT_KINDS, type VariantKind } from "@sartor/shared/protocol";

/** Parameters of the road-sign network. */
const PARAMETERS = 290_000;
/** Bytes a parameter takes in each variant's file, roughly: quantized ones carry scales besides. */
const BYTES: Readonly<Record<VariantKind, number>> = {
  fp32: 4,
  fp16: 2,
  "int8-u8s8": 1.1,
  "int8-u8s8-reduced": 1.1,
  "int8-s8s8": 1.1,
  "int8-tensorrt": 1.1,
  "int8-dynamic": 1.1,
  "int8-weight-only": 1.1,
  "int4-weight-only": 0.6,
};

/**
 * A convolutional network of the size of the road-sign network (38.6 million multiply-accumulates), with every kind of variant and
 * without accuracies: what the table of choices plans with, so that only the hardware makes a difference.
 */
export const EXAMPLE_MODEL: ModelCard = {
  model: "road-sign",
  version: "1.0.0",
  family: "convolution",
  macs: 38_600_000,
  activationBytes: 2_000_000,
  variants: VARIANT_KINDS.map((kind) => ({ name: kind, kind, fileBytes: Math.round(PARAMETERS * BYTES[kind]) })),
};
