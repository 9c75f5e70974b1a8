import { z } from "zod";
import {
  countSchema,
  deviceIdSchema,
  digestSchema,
  longTextSchema,
  modelNameSchema,
  modelVersionSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";

/** Kinds of ModelVariant that the variant builder makes. How each is made: docs/tailoring.md, "Variants". */
export const VARIANT_KINDS = [
  "fp32",
  "fp16",
  "int8-u8s8",
  "int8-u8s8-reduced",
  "int8-s8s8",
  "int8-tensorrt",
  "int8-dynamic",
  "int8-weight-only",
  "int4-weight-only",
] as const;
export type VariantKind = (typeof VARIANT_KINDS)[number];

/** Execution providers that plans know, by the short names of onnxruntime-node's session options. */
export const EXECUTION_PROVIDERS = ["cpu", "cuda", "tensorrt", "openvino"] as const;
export type ExecutionProviderName = (typeof EXECUTION_PROVIDERS)[number];

/** What can load a model on a device. Only onnxruntime-node comes with the agent. */
export const RUNTIME_ADAPTERS = ["onnxruntime-node", "triton", "openvino-model-server"] as const;
export type RuntimeAdapterName = (typeof RUNTIME_ADAPTERS)[number];

/**
 * What a network is made of: it decides which kinds of variants make sense and how much int8 may win. "depthwise" is a
 * convolutional network that spends most of its time in depthwise convolutions (MobileNet and its like).
 */
export const MODEL_FAMILIES = ["convolution", "depthwise", "transformer", "language_model", "other"] as const;
export type ModelFamily = (typeof MODEL_FAMILIES)[number];

/** Most candidates of one plan: what the tuner can compare within its time budget. */
export const MAXIMUM_CANDIDATES = 6;

export const variantKindSchema = z.enum(VARIANT_KINDS);
export const executionProviderSchema = z.enum(EXECUTION_PROVIDERS);
export const runtimeAdapterSchema = z.enum(RUNTIME_ADAPTERS);
const optionsSchema = z.record(z.string().max(128), z.string().max(256));
const millisecondsSchema = z.number().positive().max(3_600_000);
const shareSchema = z.number().min(0).max(1);

/** What an operator demands of a model on a device. Everything is optional: no limit where nothing stands. */
export const tailoringPolicySchema = z
  .object({
    /** Highest 95th percentile of latency, ms. */
    maximumP95Ms: millisecondsSchema.optional(),
    /** Least accuracy on the evaluation set, 0 to 1. */
    minimumAccuracy: shareSchema.optional(),
    /** Most accuracy that a variant may lose against fp32, 0 to 1 (0.005 is half a point). */
    maximumAccuracyLoss: shareSchema.optional(),
    /** Most memory that the loaded model may take, bytes. */
    maximumMemoryBytes: countSchema.optional(),
    /** Most power of the whole module, mW. */
    maximumPowerMilliwatts: z.number().int().min(1).max(10_000_000).optional(),
    /** Most threads of one session, so that the device's other work keeps its cores. */
    maximumThreads: z.number().int().min(1).max(256).optional(),
    forbiddenVariants: z.array(variantKindSchema).max(VARIANT_KINDS.length).default([]),
    forbiddenProviders: z.array(executionProviderSchema).max(EXECUTION_PROVIDERS.length).default([]),
  })
  .strict()
  .meta({ id: "TailoringPolicy" });
export type TailoringPolicy = z.infer<typeof tailoringPolicySchema>;

/** One candidate, measured on one device by the tuner. */
export const tuningMeasurementSchema = z
  .object({
    measurementId: ulidSchema,
    deviceId: deviceIdSchema,
    /** Kind of hardware that it holds for: the id that `profileDevice` gives, e.g. "x86-64-avx2+nvidia-cc-8-6". */
    deviceType: shortTextSchema,
    /** True where the device only pretends to be of that type; such measurements never count for real devices. */
    emulated: z.boolean(),
    model: modelNameSchema,
    version: modelVersionSchema,
    /** Multiply-accumulates of one inference of this variant: another version with the same number is taken for the same network. */
    macs: countSchema,
    /** With the digest of the model file: a name may stand for other content once it was built anew. */
    variant: z.object({ name: shortTextSchema, kind: variantKindSchema, digest: digestSchema.optional() }),
    executionProvider: executionProviderSchema,
    adapter: runtimeAdapterSchema,
    intraOpThreads: z.number().int().min(1).max(256),
    sessionConfig: optionsSchema.default({}),
    onnxRuntimeVersion: shortTextSchema,
    /** Power mode that the device was in, where it has modes. */
    powerModeId: z.number().int().min(0).max(255).optional(),
    /** Timed inferences of batch 1; at least 64 support a 90th percentile. */
    runs: z.number().int().min(1).max(10_000_000),
    p50Ms: millisecondsSchema,
    p95Ms: millisecondsSchema,
    /** Highest proportional set size of the model's process, bytes. */
    peakMemoryBytes: countSchema.optional(),
    /** Mean power of the module during the runs, mW. */
    powerMilliwatts: z.number().min(0).max(10_000_000).optional(),
    /** True when the clock dropped or the device throttled in too many rounds to discard them. */
    throttled: z.boolean(),
    /** True when the profiler's trace shows that the provider asked for ran the graph. */
    providerVerified: z.boolean(),
    measuredAt: timestampSchema,
  })
  .meta({ id: "TuningMeasurement" });
export type TuningMeasurement = z.infer<typeof tuningMeasurementSchema>;

/** How well a prediction is founded: this type measured it, measured something like it, or only rules speak for it. */
export const PREDICTION_BASES = ["measured", "calibrated", "estimated"] as const;

const rangeSchema = z.object({ low: z.number().min(0), typical: z.number().min(0), high: z.number().min(0) });

/** What a candidate is expected to cost. */
export const predictedCostSchema = z.object({
  basis: z.enum(PREDICTION_BASES),
  /** Median latency of one inference of batch 1, ms. */
  latencyMs: rangeSchema,
  /** 95th percentile, ms; only where it was measured. */
  p95Ms: z.number().positive().optional(),
  /** Memory of the loaded model with its runtime, bytes. */
  memoryBytes: z.number().min(0),
  memoryBasis: z.enum(["measured", "estimated"]),
  /** Mean power, mW; only where it was measured. */
  powerMilliwatts: z.number().min(0).optional(),
  /** Devices whose measurements count. */
  devices: countSchema,
});
export type PredictedCost = z.infer<typeof predictedCostSchema>;

/** One way to run the model on a device. */
export const tailoringCandidateSchema = z.object({
  rank: z.number().int().min(1).max(MAXIMUM_CANDIDATES),
  variant: z.object({ name: shortTextSchema, kind: variantKindSchema }),
  executionProvider: executionProviderSchema,
  adapter: runtimeAdapterSchema,
  intraOpThreads: z.number().int().min(1).max(256),
  /** Session configuration entries, as ONNX Runtime spells them. */
  sessionConfig: optionsSchema,
  /** Options of the execution provider, as ONNX Runtime spells them. */
  providerOptions: optionsSchema,
  /** Power mode that the device has to be in to hold the policy; absent when it may stay in its own. */
  powerMode: z.object({ id: z.number().int().min(0).max(255), name: shortTextSchema }).optional(),
  accuracy: shareSchema.optional(),
  predicted: predictedCostSchema,
  /** Why it stands here, in plain sentences. */
  reasons: z.array(longTextSchema).min(1).max(16),
  /** What may go wrong, in plain sentences. */
  warnings: z.array(longTextSchema).max(16),
});
export type TailoringCandidate = z.infer<typeof tailoringCandidateSchema>;

/** Why something is not among the candidates. */
export const RULE_OUT_CODES = [
  "forbidden_by_policy",
  "wrong_format",
  "never_on_this_device",
  "provider_not_installed",
  "not_for_this_model",
  "accuracy_too_low",
  "accuracy_unknown",
  "too_slow",
  "too_much_memory",
  "too_much_power",
  "outranked",
] as const;
export type RuleOutCode = (typeof RULE_OUT_CODES)[number];

export const ruledOutSchema = z.object({
  variant: z.object({ name: shortTextSchema, kind: variantKindSchema }),
  executionProvider: executionProviderSchema,
  /** Absent when it holds whatever the number of threads. */
  intraOpThreads: z.number().int().min(1).max(256).optional(),
  code: z.enum(RULE_OUT_CODES),
  reason: longTextSchema,
});
export type RuledOut = z.infer<typeof ruledOutSchema>;

/** Ranked candidates for one device and one model version, each with its reasons, and what was ruled out and why. */
export const tailoringPlanSchema = z
  .object({
    schemaVersion: z.literal(1),
    planId: ulidSchema,
    createdAt: timestampSchema,
    deviceType: shortTextSchema,
    /** Firmware profiles behind the device type: what it is, then its accelerators. */
    profiles: z
      .array(z.object({ id: shortTextSchema, title: shortTextSchema, reasons: z.array(shortTextSchema).max(64) }))
      .min(1)
      .max(8),
    /** True when no profile knows this hardware, so that the safe one was taken. */
    generic: z.boolean(),
    model: modelNameSchema,
    version: modelVersionSchema,
    policy: tailoringPolicySchema,
    /** "none": no candidate holds the policy; the summary says what stands in the way. */
    outcome: z.enum(["planned", "none"]),
    summary: longTextSchema,
    candidates: z.array(tailoringCandidateSchema).max(MAXIMUM_CANDIDATES),
    ruledOut: z.array(ruledOutSchema).max(4096),
    /** What another runtime adapter would open up, best first. */
    unlocks: z
      .array(
        z.object({ executionProvider: executionProviderSchema, adapter: runtimeAdapterSchema, text: longTextSchema }),
      )
      .max(8),
    /** Traps of this hardware that whoever deploys should know. */
    notes: z.array(longTextSchema).max(64),
  })
  .refine(
    (plan) => (plan.outcome === "planned") === plan.candidates.length > 0,
    "the outcome does not fit the candidates",
  )
  .meta({ id: "TailoringPlan" });
export type TailoringPlan = z.infer<typeof tailoringPlanSchema>;
