import { z } from "zod";
import {
  countSchema,
  deviceIdSchema,
  digestSchema,
  lineSchema,
  modelNameSchema,
  modelVersionSchema,
  reportedErrorSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";
import { reportedTuningSchema } from "./tuning.js";
import { PROTOCOL_VERSION } from "./version.js";

/** Coarse status of a DeviceDeployment; the words are those of AWS IoT job executions. */
export const DEPLOYMENT_STATUSES = [
  "queued",
  "in_progress",
  "succeeded",
  "failed",
  "timed_out",
  "rejected",
  "canceled",
] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

/** Statuses after which a deployment never changes again. */
export const TERMINAL_DEPLOYMENT_STATUSES: readonly DeploymentStatus[] = [
  "succeeded",
  "failed",
  "timed_out",
  "rejected",
  "canceled",
];

/** Detailed step of a deployment in progress. */
export const DEPLOYMENT_STEPS = [
  "waiting",
  "downloading",
  "verifying",
  "installing",
  "activating",
  "probing",
  "committing",
  "rolling_back",
  "done",
] as const;
export type DeploymentStep = (typeof DEPLOYMENT_STEPS)[number];

/** Content of one slot. */
export const slotSchema = z.object({
  slot: z.enum(["a", "b"]),
  bundleId: digestSchema,
  model: modelNameSchema,
  version: modelVersionSchema,
  variant: shortTextSchema,
  installedAt: timestampSchema,
});
export type ReportedSlot = z.infer<typeof slotSchema>;

/** How the device stands with its deployment. */
export const reportedDeploymentSchema = z.object({
  deploymentId: ulidSchema,
  bundleId: digestSchema,
  status: z.enum(DEPLOYMENT_STATUSES),
  step: z.enum(DEPLOYMENT_STEPS),
  attempt: z.number().int().min(1).max(1_000_000),
  /** Bytes of chunks that are verified on disk, and of all chunks. */
  progress: z.object({ doneBytes: countSchema, totalBytes: countSchema }).optional(),
  error: reportedErrorSchema.optional(),
  /** What the probe measured; present once it ran. */
  probe: z
    .object({
      goldenVectors: countSchema,
      largestAbsoluteError: z.number().min(0),
      topOneAgreement: z.number().min(0).max(1),
      medianLatencyMs: z.number().min(0),
      executionProviders: z.array(shortTextSchema).max(16),
    })
    .optional(),
});
export type ReportedDeployment = z.infer<typeof reportedDeploymentSchema>;

/** What the device serves right now. */
export const servingSchema = z.object({
  state: z.enum(["none", "starting", "ready", "failing"]),
  bundleId: digestSchema.optional(),
  model: modelNameSchema.optional(),
  version: modelVersionSchema.optional(),
  variant: shortTextSchema.optional(),
  /** Threads of the session that answers. */
  intraOpThreads: z.number().int().min(1).max(256).optional(),
  /** Execution providers that really ran the graph, by the runtime's own word. */
  executionProviders: z.array(shortTextSchema).max(16).optional(),
  /** Address of the local inference endpoint, as seen on the device. */
  endpoint: lineSchema(1024).optional(),
  /** How often the runtime child was restarted after a crash since the agent started. */
  restarts: countSchema.optional(),
});
export type ReportedServing = z.infer<typeof servingSchema>;

/** Why a device does not follow the newest orders that are there for it. What it verified before stays in force. */
export const ordersRefusalSchema = reportedErrorSchema.extend({
  /** When it was refused first. */
  since: timestampSchema,
});
export type OrdersRefusal = z.infer<typeof ordersRefusalSchema>;

/** Reported state of a device: sent when any of it changed, and once after each connect. */
export const reportedSchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    deviceId: deviceIdSchema,
    at: timestampSchema,
    /** Rises by one with each report, kept over restarts: a stale report never overwrites a newer one. */
    sequence: countSchema,
    /** The desired generation that this report answers; 0 before any was seen. */
    generation: countSchema,
    agent: z.object({ version: shortTextSchema, bootId: lineSchema(64), startedAt: timestampSchema }),
    slots: z.object({ active: slotSchema.nullable(), inactive: slotSchema.nullable() }),
    deployment: reportedDeploymentSchema.nullable(),
    serving: servingSchema,
    /** The tuning in hand; null when there is none. */
    tuning: reportedTuningSchema.nullable().default(null),
    /** Set while signed orders or their metadata are refused, expired or out of reach. */
    ordersRefusal: ordersRefusalSchema.nullable().default(null),
    outbox: z.object({
      /** Messages that wait for the broker. */
      queued: countSchema,
      /** Telemetry windows dropped because the outbox was full, since enrolment. */
      droppedTelemetry: countSchema,
    }),
  })
  .meta({ id: "ReportedState" });
export type ReportedState = z.infer<typeof reportedSchema>;
