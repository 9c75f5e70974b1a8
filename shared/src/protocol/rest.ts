import { z } from "zod";
import { groupListSchema, groupNameSchema } from "./groups.js";
import { inventorySchema } from "./inventory.js";
import { modelManifestSchema } from "./model-manifest.js";
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
import { DEPLOYMENT_STATUSES, DEPLOYMENT_STEPS, reportedSchema } from "./reported.js";
import { rolloutTailoringSchema, tuningViewSchema } from "./rest-tailoring.js";
import { PREDICTION_BASES } from "./tailoring.js";
import { modelVariantViewSchema, variantBuildViewSchema } from "./variants.js";

/** Every error reply: `{ error: { code, message, details?, correlationId } }`. */
export const errorReplySchema = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      correlationId: z.string().optional(),
    }),
  })
  .meta({ id: "ErrorReply" });
export type ErrorReply = z.infer<typeof errorReplySchema>;

/** A list with a cursor: pass `nextCursor` as `cursor` to read on; null at the end. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
export interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

// --- devices -----------------------------------------------------------------------------------

export const deviceSummarySchema = z
  .object({
    deviceId: deviceIdSchema,
    name: shortTextSchema,
    group: groupNameSchema,
    emulated: z.boolean(),
    enrolledAt: timestampSchema,
    presence: z.object({ status: z.enum(["online", "offline", "never_seen"]), since: timestampSchema }),
    lastSeenAt: timestampSchema.nullable(),
    /** Board model out of the inventory; null before the first one. */
    board: z.string().nullable(),
    architecture: z.string().nullable(),
    serving: z
      .object({
        state: z.enum(["none", "starting", "ready", "failing"]),
        model: z.string().nullable(),
        version: z.string().nullable(),
        variant: z.string().nullable(),
      })
      .nullable(),
    deployment: z
      .object({
        deploymentId: ulidSchema,
        rolloutId: ulidSchema,
        status: z.enum(DEPLOYMENT_STATUSES),
        step: z.enum(DEPLOYMENT_STEPS),
      })
      .nullable(),
    /** Newest telemetry window in short; null before the first one. */
    latest: z
      .object({
        at: timestampSchema,
        requestsPerSecond: z.number(),
        latencyP50Ms: z.number().nullable(),
        latencyP95Ms: z.number().nullable(),
        topProbabilityP50: z.number().nullable(),
        temperatureCelsius: z.number().nullable(),
        agentMemoryBytes: z.number().nullable(),
      })
      .nullable(),
  })
  .meta({ id: "DeviceSummary" });
export type DeviceSummary = z.infer<typeof deviceSummarySchema>;

export const deviceDetailSchema = deviceSummarySchema
  .extend({
    inventory: inventorySchema.nullable(),
    inventoryAt: timestampSchema.nullable(),
    reported: reportedSchema.nullable(),
    desiredGeneration: countSchema,
    /** Messages dropped because they did not fit their schema, by kind. */
    invalidMessages: z.record(z.string(), countSchema),
  })
  .meta({ id: "DeviceDetail" });
export type DeviceDetail = z.infer<typeof deviceDetailSchema>;

/** `PATCH /api/v1/devices/{deviceId}`. */
export const deviceChangeSchema = z
  .object({ name: shortTextSchema.trim().min(1).optional(), group: groupNameSchema.optional() })
  .strict()
  .refine(({ name, group }) => name !== undefined || group !== undefined, "expected name or group")
  .meta({ id: "DeviceChange" });
export type DeviceChange = z.infer<typeof deviceChangeSchema>;

/** Something that a device told its operators, for lists. */
export const deviceEventViewSchema = z
  .object({
    /** By the device's own clock. */
    at: timestampSchema,
    /** By the control plane's clock. */
    receivedAt: timestampSchema,
    level: z.enum(["info", "warning", "error"]),
    code: shortTextSchema.nullable(),
    message: longTextSchema,
    /** Rises by one with each event of the device; starts anew when the device lost its state. */
    sequence: countSchema,
  })
  .meta({ id: "DeviceEventView" });
export type DeviceEventView = z.infer<typeof deviceEventViewSchema>;

/** `GET /api/v1/devices/{deviceId}/events?limit`: newest first; the newest 200 are kept. */
export const deviceEventsReplySchema = z
  .object({ deviceId: deviceIdSchema, events: z.array(deviceEventViewSchema) })
  .meta({ id: "DeviceEventsReply" });
export type DeviceEventsReply = z.infer<typeof deviceEventsReplySchema>;

// --- uploads and models ------------------------------------------------------------------------

/** Reply to `POST /api/v1/uploads`: content is stored under its digest. */
export const uploadReplySchema = z.object({ digest: digestSchema, bytes: countSchema }).meta({ id: "UploadReply" });
export type UploadReply = z.infer<typeof uploadReplySchema>;

/** `POST /api/v1/models/{name}/versions`. */
export const modelVersionRequestSchema = z
  .object({
    /** Kept as `unknown` here so that a bad manifest is refused with SRT_MANIFEST_INVALID. */
    manifest: z.unknown().meta({ description: "A ModelManifest" }),
    model: digestSchema,
    golden: digestSchema,
  })
  .meta({ id: "ModelVersionRequest" });
export type ModelVersionRequest = z.infer<typeof modelVersionRequestSchema>;

export const modelVersionViewSchema = z
  .object({
    model: modelNameSchema,
    version: modelVersionSchema,
    createdAt: timestampSchema,
    manifest: modelManifestSchema,
    digest: digestSchema,
    bytes: countSchema,
    opset: z.number().int(),
    parameters: countSchema,
    /** Multiply-accumulates of one inference of batch 1; null where they could not be counted. */
    macs: countSchema.nullable(),
    variants: z.array(modelVariantViewSchema),
  })
  .meta({ id: "ModelVersion" });
export type ModelVersionView = z.infer<typeof modelVersionViewSchema>;

// --- rollouts ----------------------------------------------------------------------------------

export const rolloutRequestSchema = z
  .object({
    name: shortTextSchema.min(1),
    model: modelNameSchema,
    version: modelVersionSchema,
    /** Which devices: all that are enrolled now as far as whoever asks may see them, those of some groups, or those named. */
    devices: z.union([
      z.literal("all"),
      z.object({ groups: groupListSchema }).strict(),
      z.array(deviceIdSchema).min(1).max(10_000),
    ]),
    /** A device that has not finished in this time counts as timed out, s; `queued` counts too. */
    deadlineSeconds: z
      .number()
      .int()
      .min(10)
      .max(30 * 86_400)
      .default(3_600),
    probe: z
      .object({
        deadlineSeconds: z.number().int().min(1).max(3_600).default(120),
        soakSeconds: z.number().int().min(0).max(3_600).default(5),
        maximumLatencyMs: z.number().positive().max(600_000).optional(),
      })
      .prefault({}),
    tailoring: rolloutTailoringSchema.prefault({}),
  })
  .meta({ id: "RolloutRequest" });
export type RolloutRequest = z.input<typeof rolloutRequestSchema>;

export const ROLLOUT_STATUSES = ["running", "succeeded", "failed", "canceled"] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

export const rolloutSummarySchema = z
  .object({
    rolloutId: ulidSchema,
    name: shortTextSchema,
    model: modelNameSchema,
    version: modelVersionSchema,
    status: z.enum(ROLLOUT_STATUSES),
    /** Who began it: a person or program by the API, or the verdict of a tuning. */
    origin: z.enum(["request", "tuning"]),
    createdAt: timestampSchema,
    finishedAt: timestampSchema.nullable(),
    /** How many deployments are in each status. */
    counts: z.record(z.enum(DEPLOYMENT_STATUSES), countSchema),
  })
  .meta({ id: "RolloutSummary" });
export type RolloutSummary = z.infer<typeof rolloutSummarySchema>;

export const deviceDeploymentViewSchema = z
  .object({
    deploymentId: ulidSchema,
    rolloutId: ulidSchema,
    deviceId: deviceIdSchema,
    deviceName: shortTextSchema,
    emulated: z.boolean(),
    /** Null where no variant fits the device: nothing was sent to it, and `error` says why. */
    bundleId: digestSchema.nullable(),
    /** Why this device gets this variant; null where the rollout names one variant for all. */
    tailoring: z
      .object({
        variant: shortTextSchema,
        executionProvider: shortTextSchema,
        intraOpThreads: z.number().int().min(1),
        basis: z.enum(PREDICTION_BASES),
        /** Expected median latency, ms; null for a device of which nobody knows yet what it is. */
        latencyMs: z.number().min(0).nullable(),
        reasons: z.array(longTextSchema).max(16),
      })
      .nullable(),
    wave: z.number().int().min(1),
    status: z.enum(DEPLOYMENT_STATUSES),
    step: z.enum(DEPLOYMENT_STEPS),
    progress: z.object({ doneBytes: countSchema, totalBytes: countSchema }).nullable(),
    error: reportedErrorSchema.nullable(),
    /** Why its device cannot be told of it yet (a signature is missing); null where nothing is in the way. */
    held: reportedErrorSchema.nullable(),
    queuedAt: timestampSchema,
    updatedAt: timestampSchema,
    deadlineAt: timestampSchema,
  })
  .meta({ id: "DeviceDeployment" });
export type DeviceDeploymentView = z.infer<typeof deviceDeploymentViewSchema>;

export const rolloutDetailSchema = rolloutSummarySchema
  .extend({ deployments: z.array(deviceDeploymentViewSchema) })
  .meta({ id: "RolloutDetail" });
export type RolloutDetail = z.infer<typeof rolloutDetailSchema>;

// --- telemetry ---------------------------------------------------------------------------------

/** One window, its sketches reduced to quantiles. */
export const telemetryPointSchema = z
  .object({
    at: timestampSchema,
    seconds: z.number(),
    version: z.string().nullable(),
    variant: z.string().nullable(),
    requests: countSchema,
    errors: countSchema,
    latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
    topProbability: z.object({ p10: z.number(), p50: z.number() }).nullable(),
    entropy: z.object({ p50: z.number(), p90: z.number() }).nullable(),
    temperatureCelsius: z.number().nullable(),
    agentMemoryBytes: z.number().nullable(),
    cpuLoad: z.number().nullable(),
    cpuFrequencyMhz: z.number().nullable(),
  })
  .meta({ id: "TelemetryPoint" });
export type TelemetryPoint = z.infer<typeof telemetryPointSchema>;

/** `GET /api/v1/devices/{deviceId}/telemetry?from&to&limit`. */
export const telemetryReplySchema = z
  .object({
    deviceId: deviceIdSchema,
    points: z.array(telemetryPointSchema),
    /** Sum of the windows' class counts, by class index as a string. */
    classCounts: z.record(z.string(), countSchema),
    /** Windows received and windows missing between the first and the last one of each stream in this range. */
    windows: z.object({ received: countSchema, missing: countSchema, dropped: countSchema }),
  })
  .meta({ id: "TelemetryReply" });
export type TelemetryReply = z.infer<typeof telemetryReplySchema>;

// --- live events -------------------------------------------------------------------------------

/**
 * Lists of which the live connection tells only that they changed: keys, signatures and requests for them; devices that wait to be let in; the
 * audit log, which also tells of everything that people do to people, tokens and certificates.
 */
export const LIVE_LISTS = ["trust", "waiting_devices", "audit"] as const;
export type LiveListName = (typeof LIVE_LISTS)[number];

/**
 * What travels over the WebSocket `/api/v1/live`. The client's first message is `{type: "authenticate", token}` and is
 * answered by `{type: "ready"}`; then each change comes as one of these. Changes of one thing are merged within 250 ms.
 */
export const liveEventSchema = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("ready") }),
    z.object({ type: z.literal("device"), device: deviceSummarySchema }),
    z.object({ type: z.literal("device_removed"), deviceId: deviceIdSchema }),
    z.object({ type: z.literal("rollout"), rollout: rolloutSummarySchema }),
    z.object({ type: z.literal("deployment"), deployment: deviceDeploymentViewSchema }),
    z.object({
      type: z.literal("telemetry"),
      deviceId: deviceIdSchema,
      point: telemetryPointSchema,
      classCounts: z.record(z.string(), countSchema),
    }),
    z.object({ type: z.literal("build"), build: variantBuildViewSchema }),
    /** The variants of a model version changed. */
    z.object({ type: z.literal("model"), model: modelVersionViewSchema }),
    z.object({ type: z.literal("tuning"), tuning: tuningViewSchema }),
    z.object({ type: z.literal("device_event"), deviceId: deviceIdSchema, event: deviceEventViewSchema }),
    /** Something in a list changed that is not sent itself, since not everybody may read it: read the list again. */
    z.object({ type: z.literal("changed"), list: z.enum(LIVE_LISTS) }),
    /** The client was too slow and missed events: read the lists again. */
    z.object({ type: z.literal("resync") }),
  ])
  .meta({ id: "LiveEvent" });
export type LiveEvent = z.infer<typeof liveEventSchema>;

// --- system ------------------------------------------------------------------------------------

/** `GET /api/v1/system`: what a newcomer wants to know. */
export const systemViewSchema = z
  .object({
    version: z.string(),
    startedAt: timestampSchema,
    mqttUrl: z.string(),
    httpUrl: z.string(),
    broker: z.enum(["embedded", "external"]),
    database: z.string(),
    stateFolder: z.string(),
    devices: countSchema,
  })
  .meta({ id: "System" });
export type SystemView = z.infer<typeof systemViewSchema>;
