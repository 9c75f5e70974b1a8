import { z } from "zod";
import {
  countSchema,
  digestSchema,
  longTextSchema,
  modelNameSchema,
  modelVersionSchema,
  reportedErrorSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";
import { MODEL_FAMILIES, variantKindSchema } from "./tailoring.js";

const shareSchema = z.number().min(0).max(1);

/**
 * Names of the variants that a build can make of a version. A name is a kind, except where one kind has two recipes. `fp32` is made when
 * the version is registered.
 */
export const VARIANT_NAMES = [
  "fp32",
  "fp16",
  "int8-u8s8",
  "int8-u8s8-reduced",
  "int8-s8s8",
  "int8-s8s8-symmetric",
  "int8-tensorrt",
  "int8-dynamic",
  "int8-weight-only",
  "int4-weight-only",
  "fp32-pruned",
  "int8-u8s8-pruned",
  "int8-s8s8-pruned",
] as const;
export const variantNameSchema = z.enum(VARIANT_NAMES);
export type VariantName = z.infer<typeof variantNameSchema>;

/** How accurate variants must stay. What does not is refused. */
export const accuracyPolicySchema = z
  .object({
    /** Most accuracy that a variant may lose against fp32 on the evaluation set, 0 to 1 (0.005 is half a point). */
    maximumLoss: shareSchema.default(0.005),
    /** Least accuracy, 0 to 1. */
    minimumAccuracy: shareSchema.default(0),
    /**
     * Least signal to noise of the outputs against fp32's, dB: what decides when there is no evaluation set, as nobody can tell accuracy
     * then.
     */
    minimumDecibels: z.number().min(0).max(200).default(15),
    /** Most layers that may return to fp32 to hold this. */
    maximumFloatLayers: z.number().int().min(0).max(1024).default(16),
  })
  .strict()
  .meta({ id: "AccuracyPolicy" });

/** `POST /api/v1/models/{name}/versions/{version}/builds`. */
export const variantBuildRequestSchema = z
  .object({
    /** Which variants; all that suit the network when absent. */
    variants: z.array(variantNameSchema).min(1).max(VARIANT_NAMES.length).optional(),
    /** Ids of datasets; the model's newest of each purpose when absent, none when null. */
    calibration: ulidSchema.nullable().optional(),
    evaluation: ulidSchema.nullable().optional(),
    accuracy: accuracyPolicySchema.prefault({}),
    /** Even out the ranges of channels across ReLUs before quantizing, where that fits better. */
    equalise: z.boolean().default(true),
    /** Share of each prunable convolution's channels that the pruned variants lose, 0.05 to 0.75. */
    pruning: z
      .object({ share: z.number().min(0.05).max(0.75).default(0.25) })
      .strict()
      .prefault({}),
  })
  .strict()
  .meta({ id: "VariantBuildRequest" });
export type VariantBuildRequest = z.input<typeof variantBuildRequestSchema>;
export type VariantBuildOrder = z.output<typeof variantBuildRequestSchema>;

/** Samples that a card's numbers come from. */
const datasetReferenceSchema = z.object({
  datasetId: ulidSchema,
  name: shortTextSchema,
  digest: digestSchema,
  samples: z.number().int().min(1),
});

/** What is known of a variant: what it costs in accuracy, bytes and arithmetic, and where it comes from. */
export const variantCardSchema = z
  .object({
    schemaVersion: z.literal(1),
    name: shortTextSchema,
    kind: variantKindSchema,
    /** Null without an evaluation set. */
    accuracy: z
      .object({
        dataset: datasetReferenceSchema,
        /** Share classified rightly, 0 to 1; by this variant and by fp32 on the same samples. */
        accuracy: shareSchema,
        referenceAccuracy: shareSchema,
        /** Share of samples of which both name the same class. */
        agreement: shareSchema,
        onlyVariantRight: countSchema,
        onlyReferenceRight: countSchema,
        /** Exact McNemar test of equal accuracy, two-sided. */
        pValue: shareSchema,
        /** Share of each class's samples classified rightly; null for a class without samples. */
        recallByClass: z.array(shareSchema.nullable()).max(100_000),
      })
      .nullable(),
    /** How far the outputs are from fp32's; null for fp32 itself and where no samples were there. */
    signal: z
      .object({
        /** Signal to noise of the worst output, dB. */
        outputDecibels: z.number(),
        /** What each layer loses by itself, the worst first; at most 256. */
        layers: z.array(z.object({ name: shortTextSchema, operator: shortTextSchema, decibels: z.number() })).max(256),
      })
      .nullable(),
    cost: z.object({
      bytes: countSchema,
      /** Elements of all constants. */
      weights: countSchema,
      /** Multiply-accumulates of one sample. */
      macs: countSchema,
    }),
    /** Null where nothing is calibrated. */
    calibration: z
      .object({
        dataset: datasetReferenceSchema,
        method: shortTextSchema,
        biasCorrected: z.boolean(),
        /** Pairs of layers whose channels were evened out. */
        equalisedPairs: countSchema,
        /** Everything that was tried, by its signal to noise, dB. */
        tried: z
          .array(
            z.object({
              method: shortTextSchema,
              biasCorrected: z.boolean(),
              equalised: z.boolean(),
              decibels: z.number(),
            }),
          )
          .max(64),
      })
      .nullable(),
    /** Layers that returned to fp32 to hold the accuracy policy, the worst first. */
    floatLayers: z.array(shortTextSchema).max(1024),
    /** Layers that this kind of variant cannot change, and why; at most 256. */
    keptLayers: z.array(z.object({ name: shortTextSchema, reason: longTextSchema })).max(256),
    /** What ONNX Runtime made of it on the machine that built it; null for what has no quantized operators. */
    fusion: z
      .object({
        /** Processor that the answer holds for. */
        processor: shortTextSchema,
        int8Nodes: countSchema,
        /** Q and DQ that are left and cost time at every run. */
        conversions: countSchema,
        /** Operators that stayed in float between quantized ones; at most 256. */
        unfused: z
          .array(z.object({ name: shortTextSchema, operator: shortTextSchema, reason: longTextSchema }))
          .max(256),
      })
      .nullable(),
    /** Null where nothing was pruned. */
    pruning: z
      .object({
        share: shareSchema,
        removedChannels: countSchema,
        layers: z.array(z.object({ name: shortTextSchema, before: countSchema, after: countSchema })).max(256),
      })
      .nullable(),
    /** What the network is made of, and the memory of the largest set of activations that live at once in fp32, bytes; 0 when unknown. */
    network: z.object({ family: z.enum(MODEL_FAMILIES), activationBytes: countSchema }),
    lineage: z.object({
      /** The model as it was uploaded, and after folding. */
      model: digestSchema,
      folded: digestSchema,
      calibration: digestSchema.nullable(),
      evaluation: digestSchema.nullable(),
      builder: shortTextSchema,
      onnxRuntimeVersion: shortTextSchema,
    }),
    /** Time that the build took, ms. */
    buildMs: countSchema,
    /** Plain sentences that whoever deploys it should know. */
    notes: z.array(longTextSchema).max(64),
  })
  .meta({ id: "VariantCard" });
export type VariantCard = z.infer<typeof variantCardSchema>;

/** Where a build, or one variant of it, stands. */
export const BUILD_STATUSES = ["queued", "in_progress", "succeeded", "failed", "canceled"] as const;
export type BuildStatus = (typeof BUILD_STATUSES)[number];

/** One variant of a build. `failed` says why in `error`: such a variant is never offered. */
export const variantBuildStepSchema = z.object({
  name: variantNameSchema,
  status: z.enum(BUILD_STATUSES),
  variantId: ulidSchema.nullable(),
  error: reportedErrorSchema.nullable(),
});

/** A build under way or ended. It has succeeded when every variant that was asked for was made, or refused for its accuracy with reasons. */
export const variantBuildViewSchema = z
  .object({
    buildId: ulidSchema,
    model: modelNameSchema,
    version: modelVersionSchema,
    status: z.enum(BUILD_STATUSES),
    request: variantBuildRequestSchema,
    variants: z.array(variantBuildStepSchema).max(VARIANT_NAMES.length),
    /** Null before it began and after it ended. */
    progress: z
      .object({
        /** 0 to 100. */
        percent: z.number().min(0).max(100),
        /** What is being done, for people. */
        step: shortTextSchema,
        /** Expected time left, ms; null while nobody can tell. */
        remainingMs: countSchema.nullable(),
      })
      .nullable(),
    /** Why the build as a whole failed. */
    error: reportedErrorSchema.nullable(),
    createdAt: timestampSchema,
    startedAt: timestampSchema.nullable(),
    finishedAt: timestampSchema.nullable(),
  })
  .meta({ id: "VariantBuild" });
export type VariantBuildView = z.infer<typeof variantBuildViewSchema>;

/** A variant that can be rolled out. */
export const modelVariantViewSchema = z
  .object({
    variantId: ulidSchema,
    name: shortTextSchema,
    kind: variantKindSchema,
    digest: digestSchema,
    bytes: countSchema,
    bundleId: digestSchema,
    /** Accuracy on the evaluation set, 0 to 1; null where it was not measured. */
    accuracy: shareSchema.nullable(),
    floatLayers: countSchema,
  })
  .meta({ id: "ModelVariant" });
export type ModelVariantView = z.infer<typeof modelVariantViewSchema>;
