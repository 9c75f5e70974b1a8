import { z } from "zod";
import {
  countSchema,
  digestSchema,
  MODEL_FAMILIES,
  modelNameSchema,
  modelVersionSchema,
  shortTextSchema,
  variantKindSchema,
} from "../../protocol/index.js";

/** One variant of a model version, as planning sees it. The variant builder's own card holds more: per class, per layer. */
export const modelVariantCardSchema = z.object({
  /** Unique within the version, e.g. "int8-u8s8". */
  name: shortTextSchema.min(1),
  kind: variantKindSchema,
  /** Digest of the ONNX file; where it is absent, measurements are told apart by name alone. */
  digest: digestSchema.optional(),
  /** Size of the ONNX file, bytes. */
  fileBytes: countSchema,
  /** Share of the evaluation set that it gets right, 0 to 1; absent when it was not measured. */
  accuracy: z.number().min(0).max(1).optional(),
  /** Share of the very same samples that fp32 gets right; absent where that is the baseline's own accuracy. */
  referenceAccuracy: z.number().min(0).max(1).optional(),
  /** Multiply-accumulates of one inference where they differ from the model's (a pruned variant). */
  macs: countSchema.optional(),
});
export type ModelVariantCard = z.infer<typeof modelVariantCardSchema>;

/** A model version with all its variants. */
export const modelCardSchema = z
  .object({
    model: modelNameSchema,
    version: modelVersionSchema,
    family: z.enum(MODEL_FAMILIES),
    /** Multiply-accumulates of one inference of batch 1. */
    macs: countSchema,
    /** Memory of the largest set of activations that live at once, in fp32, bytes; 0 when unknown. */
    activationBytes: countSchema.default(0),
    variants: z.array(modelVariantCardSchema).min(1).max(64),
  })
  .refine(
    (card) => new Set(card.variants.map((variant) => variant.name)).size === card.variants.length,
    "a variant's name stands twice",
  );
export type ModelCard = z.infer<typeof modelCardSchema>;

/**
 * The network as it was trained, which the others are compared with and fall back to: the variant named "fp32", else the first of that kind.
 * A pruned network in fp32 is another network, and never the baseline while the whole one is there.
 */
export function baselineOf(card: ModelCard): ModelVariantCard | undefined {
  return (
    card.variants.find(({ name }) => name === "fp32") ??
    card.variants.find(({ kind, macs }) => kind === "fp32" && (macs === undefined || macs === card.macs)) ??
    card.variants.find(({ kind }) => kind === "fp32")
  );
}

/** Accuracy of the baseline; undefined when there is none or it was not measured. */
export function baselineAccuracy(card: ModelCard): number | undefined {
  return baselineOf(card)?.accuracy;
}

/**
 * Accuracy that a variant lost against fp32, a share of 1; below 0 where it gained. Taken on the same samples: variants built at different times may
 * have been evaluated on different sets. Undefined where either was not measured.
 */
export function accuracyLoss(variant: ModelVariantCard, card: ModelCard): number | undefined {
  const reference = variant.referenceAccuracy ?? baselineAccuracy(card);
  return variant.accuracy === undefined || reference === undefined ? undefined : reference - variant.accuracy;
}

/** Multiply-accumulates of one inference of a variant: its own where it was pruned. */
export function macsOf(variant: ModelVariantCard, card: ModelCard): number {
  return variant.macs ?? card.macs;
}
