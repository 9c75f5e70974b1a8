import { z } from "zod";
import { runtimeSettingsSchema } from "./bundle-manifest.js";
import {
  countSchema,
  deviceIdSchema,
  digestSchema,
  modelNameSchema,
  modelVersionSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";
import { tuningOrderSchema } from "./tuning.js";
import { PROTOCOL_VERSION } from "./version.js";

/** What one device shall do for one bundle: part of its desired state. */
export const desiredDeploymentSchema = z.object({
  deploymentId: ulidSchema,
  rolloutId: ulidSchema,
  bundle: z.object({
    /** The bundle's id is the digest of its manifest. */
    bundleId: digestSchema,
    manifestBytes: countSchema,
    model: modelNameSchema,
    version: modelVersionSchema,
  }),
  /** How this device runs it; as the bundle says when absent. */
  runtime: runtimeSettingsSchema.optional(),
  probe: z.object({
    /** Longest time that activation and probe may take together, ms; then the agent rolls back. */
    deadlineMs: z.number().int().min(1_000).max(3_600_000),
    /** How long the new bundle must serve without a crash before it is committed, ms. */
    soakMs: z.number().int().min(0).max(3_600_000),
    /** Highest acceptable median latency of the golden vectors on the device, ms. */
    maximumLatencyMs: z.number().positive().max(600_000).optional(),
  }),
});
export type DesiredDeployment = z.infer<typeof desiredDeploymentSchema>;

/**
 * Desired state of a device: retained on `.../desired`, level-triggered. The highest generation wins;
 * `deployment: null` asks for nothing new: work in progress is undone, and what is committed keeps serving.
 */
export const desiredSchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    deviceId: deviceIdSchema,
    generation: countSchema,
    issuedAt: timestampSchema,
    deployment: desiredDeploymentSchema.nullable(),
    /** What the device shall measure; null: nothing, and what is under way is given up. */
    tuning: tuningOrderSchema.nullable().default(null),
    telemetry: z.object({
      /** Length of a telemetry window, s. */
      windowSeconds: z.number().int().min(1).max(86_400),
    }),
  })
  .meta({ id: "DesiredState" });
export type DesiredState = z.infer<typeof desiredSchema>;
