import { z } from "zod";
import { LIMITS } from "./limits.js";
import { longTextSchema, modelNameSchema, modelVersionSchema, shortTextSchema } from "./primitives.js";

/** Tensor types, by the Open Inference Protocol's names. */
export const TENSOR_TYPES = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
] as const;
export type TensorType = (typeof TENSOR_TYPES)[number];

/** One input or output; -1 stands for a dimension that may vary (the batch). */
export const tensorSpecSchema = z.object({
  name: z.string().min(1).max(256),
  dataType: z.enum(TENSOR_TYPES),
  shape: z
    .array(
      z
        .number()
        .int()
        .min(-1)
        .max(2 ** 31 - 1)
        .refine((value) => value !== 0, "a dimension of 0 holds nothing"),
    )
    .max(LIMITS.tensorRank),
});
export type TensorSpec = z.infer<typeof tensorSpecSchema>;

const channels = z.array(z.number()).length(3);

/** How a decoded image becomes the input tensor: resize to width x height, then (byte / 255 - mean) / standardDeviation a channel. */
export const imagePreprocessingSchema = z.object({
  kind: z.literal("image"),
  width: z.number().int().min(1).max(8192),
  height: z.number().int().min(1).max(8192),
  colorOrder: z.enum(["rgb", "bgr"]),
  layout: z.enum(["nchw", "nhwc"]),
  mean: channels,
  standardDeviation: channels.refine((values) => values.every((value) => value > 0), "standard deviations are above 0"),
});
export type ImagePreprocessing = z.infer<typeof imagePreprocessingSchema>;

/** What the golden vectors must hold on a device. A value passes when |got - want| <= absolute + relative * |want|. */
export const goldenToleranceSchema = z.object({
  absoluteTolerance: z.number().min(0),
  relativeTolerance: z.number().min(0),
  /** Share of golden vectors whose first class must be the same, 0 to 1. */
  minimumTopOneAgreement: z.number().min(0).max(1),
});
export type GoldenTolerance = z.infer<typeof goldenToleranceSchema>;

/** What comes with a model: what it takes, gives and means. Written by its trainer, stored with the version, never changed. */
export const modelManifestSchema = z
  .object({
    schemaVersion: z.literal(1),
    name: modelNameSchema,
    version: modelVersionSchema,
    task: z.enum(["image-classification"]),
    description: longTextSchema,
    inputs: z.array(tensorSpecSchema).min(1).max(32),
    outputs: z.array(tensorSpecSchema).min(1).max(32),
    labels: z.array(shortTextSchema).min(1).max(LIMITS.labels),
    preprocessing: imagePreprocessingSchema,
    postprocessing: z.object({ kind: z.enum(["softmax", "none"]) }),
    golden: goldenToleranceSchema,
    evaluation: z
      .array(
        z.object({
          dataset: shortTextSchema,
          metric: shortTextSchema,
          value: z.number(),
          samples: z.number().int().min(1),
        }),
      )
      .max(64)
      .default([]),
    licence: shortTextSchema.optional(),
    source: shortTextSchema.optional(),
  })
  .meta({ id: "ModelManifest" });
export type ModelManifest = z.infer<typeof modelManifestSchema>;
