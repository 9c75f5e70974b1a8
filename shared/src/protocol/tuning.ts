import { z } from "zod";
import { runtimeSettingsSchema } from "./bundle-manifest.js";
import {
  countSchema,
  deviceIdSchema,
  digestSchema,
  longTextSchema,
  modelNameSchema,
  modelVersionSchema,
  reportedErrorSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";
import { executionProviderSchema, MAXIMUM_CANDIDATES, variantKindSchema } from "./tailoring.js";
import { PROTOCOL_VERSION } from "./version.js";

const shareSchema = z.number().min(0).max(1);
const millisecondsSchema = z.number().min(0).max(3_600_000);
const ratioSchema = z.object({ low: z.number().min(0), typical: z.number().min(0), high: z.number().min(0) });

/** One way to run the model that the device shall measure. */
export const tuningCandidateSchema = z.object({
  /** Unique within the order, e.g. "int8-u8s8 cpu 2". */
  candidateId: shortTextSchema.min(1),
  bundle: z.object({ bundleId: digestSchema, manifestBytes: countSchema }),
  variant: z.object({ name: shortTextSchema, kind: variantKindSchema }),
  executionProvider: executionProviderSchema,
  runtime: runtimeSettingsSchema,
});
export type TuningCandidate = z.infer<typeof tuningCandidateSchema>;

/**
 * What a device shall measure: part of its desired state. Level-triggered: a device that has reported on a tuning does it again only
 * when its environment changed.
 */
export const tuningOrderSchema = z
  .object({
    tuningId: ulidSchema,
    model: modelNameSchema,
    version: modelVersionSchema,
    /** Best first, as the plan ranks them. */
    candidates: z.array(tuningCandidateSchema).min(1).max(MAXIMUM_CANDIDATES),
    budget: z.object({
      /** Longest time from the first measurement to the verdict, s. Downloads come before it. */
      seconds: z.number().int().min(1).max(86_400),
      /** Most of the device's CPU time that measuring may take, 0 to 1. */
      maximumCpuShare: z.number().min(0.01).max(1),
    }),
    rules: z.object({
      /**
       * Least gain that is worth a switch: the incumbent's time by the candidate's - 1. With 0.05 a candidate has to be 5 % faster, and what
       * stays is at most 5 % slower than the best.
       */
      minimumGain: z.number().min(0).max(0.9),
      /** Time after a switch during which no further one is made, ms. */
      hysteresisMs: countSchema,
    }),
  })
  .refine(
    ({ candidates }) => new Set(candidates.map(({ candidateId }) => candidateId)).size === candidates.length,
    "a candidate stands twice",
  )
  .meta({ id: "TuningOrder" });
export type TuningOrder = z.infer<typeof tuningOrderSchema>;

/** What became of a candidate: measured to the end, dropped by a faster one on the way, or not fit to run at all. */
export const CANDIDATE_OUTCOMES = ["measured", "eliminated", "refused", "not_reached"] as const;

/** What the device measured of one candidate. */
export const tuningResultSchema = z.object({
  candidateId: shortTextSchema,
  variant: z.object({ name: shortTextSchema, kind: variantKindSchema }),
  executionProvider: executionProviderSchema,
  adapter: shortTextSchema,
  intraOpThreads: z.number().int().min(1).max(256),
  sessionConfig: z.record(z.string().max(128), z.string().max(256)),
  outcome: z.enum(CANDIDATE_OUTCOMES),
  /** Timed inferences of batch 1 in rounds that counted. */
  runs: countSchema,
  /** Rounds that counted, and rounds that were discarded because the clock dropped, the device throttled or something else took the CPU. */
  rounds: countSchema,
  discardedRounds: countSchema,
  throttled: z.boolean(),
  /** Null where nothing was measured. */
  p50Ms: millisecondsSchema.nullable(),
  p95Ms: millisecondsSchema.nullable(),
  /** Time of this candidate by the incumbent's, from rounds that hold both; 95 % bootstrap interval. Null for the incumbent itself. */
  ratio: ratioSchema.nullable(),
  /** Highest proportional set size of the model's process, bytes. */
  peakMemoryBytes: countSchema.nullable(),
  /** Mean power of the module during its runs, mW. */
  powerMilliwatts: z.number().min(0).max(10_000_000).nullable(),
  /** True when the profiler's trace shows that the provider asked for ran the graph. */
  providerVerified: z.boolean(),
  /** Golden vectors on this candidate; null where it could not be loaded. */
  golden: z
    .object({ passed: z.boolean(), largestAbsoluteError: z.number().min(0), topOneAgreement: shareSchema })
    .nullable(),
  error: reportedErrorSchema.nullable(),
});
export type TuningResult = z.infer<typeof tuningResultSchema>;

export const TUNING_DECISIONS = ["keep", "switch", "hold"] as const;

/** What the measurements say. `hold`: another candidate is faster, but the last switch is too recent. */
export const tuningVerdictSchema = z.object({
  decision: z.enum(TUNING_DECISIONS),
  /** The candidate that should run: the incumbent for `keep`. Null when no candidate is fit to run. */
  candidateId: shortTextSchema.nullable(),
  /**
   * How much faster the chosen candidate is: the incumbent's time by its own - 1, 95 % bootstrap interval; 1 is twice as fast, below 0 slower.
   * Null for `keep` of the incumbent.
   */
  gain: z.object({ low: z.number(), typical: z.number(), high: z.number() }).nullable(),
  reason: longTextSchema,
});
export type TuningVerdict = z.infer<typeof tuningVerdictSchema>;

/** Why a tuning ran. */
export const TUNING_TRIGGERS = ["ordered", "environment_changed"] as const;

/** What an inference's speed depends on besides the model: a change asks for another tuning. */
export const tuningEnvironmentSchema = z.object({
  agentVersion: shortTextSchema,
  onnxRuntimeVersion: shortTextSchema,
  /** Power mode, where the device has modes. */
  powerModeId: z.number().int().min(0).max(255).nullable(),
  memoryBytes: countSchema,
  logicalCores: z.number().int().min(1).max(4096),
});
export type TuningEnvironment = z.infer<typeof tuningEnvironmentSchema>;

/** What a device says of a tuning: sent once when it ended, on `.../tuning`. */
export const tuningReportSchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    deviceId: deviceIdSchema,
    /** Rises by one with each report of the device, so that one delivered twice counts once. */
    sequence: countSchema,
    at: timestampSchema,
    tuningId: ulidSchema,
    trigger: z.enum(TUNING_TRIGGERS),
    status: z.enum(["succeeded", "failed", "canceled"]),
    /** Why it failed. */
    error: reportedErrorSchema.nullable(),
    model: modelNameSchema,
    version: modelVersionSchema,
    environment: tuningEnvironmentSchema,
    /** What served when it began; null when nothing did. */
    incumbent: z
      .object({ bundleId: digestSchema, variant: shortTextSchema, candidateId: shortTextSchema.nullable() })
      .nullable(),
    results: z.array(tuningResultSchema).max(MAXIMUM_CANDIDATES + 1),
    verdict: tuningVerdictSchema.nullable(),
    /** Everything that was run for it, timed or not, the incumbent's runs too. */
    totalRuns: countSchema,
    durationMs: countSchema,
    /** Share of the device's CPU time that it took, 0 to 1. */
    cpuShare: shareSchema,
  })
  .meta({ id: "TuningReport" });
export type TuningReport = z.infer<typeof tuningReportSchema>;

/** How a device stands with a tuning, in its reported state. */
export const reportedTuningSchema = z.object({
  tuningId: ulidSchema,
  step: z.enum(["waiting", "downloading", "verifying", "measuring", "done"]),
  /** 0 to 1. */
  progress: shareSchema,
});
export type ReportedTuning = z.infer<typeof reportedTuningSchema>;
