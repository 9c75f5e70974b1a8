import { z } from "zod";
import { LIMITS } from "./limits.js";
import {
  countSchema,
  deviceIdSchema,
  digestSchema,
  lineSchema,
  modelNameSchema,
  modelVersionSchema,
  shortTextSchema,
  timestampSchema,
} from "./primitives.js";
import { PROTOCOL_VERSION } from "./version.js";

/** Most error codes told apart in one window; an agent closes a window that has as many. */
const WINDOW_ERROR_CODES = 64;
/** Most classes counted in one window; an agent closes a window that has as many. */
const WINDOW_CLASSES = 4_096;

/** A record of counts with at most so many keys. */
function countsOf(key: z.ZodString, maximum: number) {
  return z
    .record(key, countSchema)
    .refine((counts) => Object.keys(counts).length <= maximum, `expected at most ${maximum} keys`)
    .meta({ maxProperties: maximum });
}

/**
 * A DDSketch on the wire (Masson, Rim, Lee: "DDSketch", VLDB 2019): buckets of a logarithmic grid with
 * `gamma = (1 + relativeAccuracy) / (1 - relativeAccuracy)`; bucket i counts the values in (gamma^(i-1), gamma^i].
 */
export const sketchSchema = z
  .object({
    relativeAccuracy: z.number().min(0.001).lt(1),
    count: countSchema,
    sum: z.number(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    /** Values at or below the smallest distinguishable one. */
    zeroCount: countSchema,
    /** Index of the first bucket. */
    offset: z.number().int().min(-100_000).max(100_000),
    buckets: z.array(countSchema).max(LIMITS.sketchBuckets),
  })
  .refine(
    ({ count, zeroCount, buckets }) => buckets.reduce((sum, bucket) => sum + bucket, zeroCount) === count,
    "expected the buckets to hold as many values as the count says",
  )
  .refine(
    ({ count, minimum, maximum }) =>
      count === 0 || (minimum !== undefined && maximum !== undefined && minimum <= maximum),
    "expected a minimum and a maximum, in order, of a sketch that is not empty",
  );
export type SketchMessage = z.infer<typeof sketchSchema>;

/** What a device saw in one window of time. */
export const telemetryWindowSchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    deviceId: deviceIdSchema,
    /** Names one run of the outbox's counter; changes when the device's state was lost. */
    streamId: lineSchema(64),
    /** Rises by one with each window of the stream: a gap is a loss, a repeat is a duplicate. */
    sequence: countSchema,
    startedAt: timestampSchema,
    endedAt: timestampSchema,
    /** What served in this window; absent when nothing did. */
    serving: z
      .object({ bundleId: digestSchema, model: modelNameSchema, version: modelVersionSchema, variant: shortTextSchema })
      .optional(),
    inference: z.object({
      /** Requests answered. */
      count: countSchema,
      /** Requests that failed, by error code. */
      errors: countsOf(lineSchema(64), WINDOW_ERROR_CODES),
      /** Time from a request's arrival to its answer, ms. */
      latencyMs: sketchSchema.optional(),
      /** Time inside the runtime, ms. */
      runMs: sketchSchema.optional(),
      /** Answers by class index; classes that did not occur are left out. */
      classCounts: countsOf(z.string().regex(/^(0|[1-9]\d{0,5})$/), WINDOW_CLASSES).optional(),
      topProbability: sketchSchema.optional(),
      /** Entropy of the class distribution, nats. */
      entropy: sketchSchema.optional(),
    }),
    system: z.object({
      /** Hottest thermal zone, degrees Celsius. */
      temperatureCelsius: z.number().min(-100).max(300).optional(),
      /** Proportional set size of the agent and its children, bytes. */
      agentMemoryBytes: countSchema.optional(),
      memoryAvailableBytes: countSchema.optional(),
      /** Share of all cores in use, 0 to 1. */
      cpuLoad: z.number().min(0).max(1).optional(),
      /** Mean clock of the cores, MHz. */
      cpuFrequencyMhz: z.number().min(0).max(100_000).optional(),
      powerMilliwatts: z.number().min(0).max(10_000_000).optional(),
    }),
    /** Telemetry windows dropped since the stream began. */
    dropped: countSchema,
  })
  .meta({ id: "TelemetryWindow" });
export type TelemetryWindow = z.infer<typeof telemetryWindowSchema>;
