import { z } from "zod";
import {
  countSchema,
  digestSchema,
  longTextSchema,
  modelNameSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";

/** What samples are for: finding the ranges of activations, or finding out how right a variant is. Never the same samples for both. */
export const DATASET_PURPOSES = ["calibration", "evaluation"] as const;
export type DatasetPurpose = (typeof DATASET_PURPOSES)[number];

/**
 * `POST /api/v1/models/{name}/datasets`: samples for the variants of a model. The content is an uploaded safetensors file that holds either
 * one FP32 tensor for each input of the model, named as that input, its first dimension counting samples; or, for a model whose
 * preprocessing is `image`, one UINT8 tensor `images` of samples x height x width x 3 (RGB) in the model's own size. `labels` (INT32 or
 * INT64, one a sample, an index into the model's labels) must be there for evaluation and may be there for calibration.
 */
export const datasetRequestSchema = z
  .object({
    /** Unique within the model. */
    name: shortTextSchema.min(1).max(128),
    purpose: z.enum(DATASET_PURPOSES),
    content: digestSchema,
    description: longTextSchema.optional(),
  })
  .strict()
  .meta({ id: "DatasetRequest" });
export type DatasetRequest = z.infer<typeof datasetRequestSchema>;

/** Samples of a model. A dataset never changes. */
export const datasetViewSchema = z
  .object({
    datasetId: ulidSchema,
    model: modelNameSchema,
    name: shortTextSchema,
    purpose: z.enum(DATASET_PURPOSES),
    description: longTextSchema.nullable(),
    content: digestSchema,
    bytes: countSchema,
    samples: z.number().int().min(1),
    /** Samples of each class by the class's index as a string; null without labels. */
    classCounts: z.record(z.string(), countSchema).nullable(),
    createdAt: timestampSchema,
  })
  .meta({ id: "Dataset" });
export type DatasetView = z.infer<typeof datasetViewSchema>;
