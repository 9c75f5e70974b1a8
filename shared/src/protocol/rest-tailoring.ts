import { z } from "zod";
import {
  deviceIdSchema,
  modelNameSchema,
  modelVersionSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";
import { MAXIMUM_CANDIDATES, tailoringCandidateSchema, tailoringPolicySchema } from "./tailoring.js";
import { tuningOrderSchema, tuningReportSchema } from "./tuning.js";

/**
 * `POST /api/v1/tailoring/plans`: which variant would a device, or any device of a firmware profile, get and why. Changes nothing.
 * The answer is a TailoringPlan.
 */
export const tailoringPlanRequestSchema = z
  .object({
    model: modelNameSchema,
    version: modelVersionSchema,
    device: z.union([
      z.object({ deviceId: deviceIdSchema }).strict(),
      /** The reference hardware of a firmware profile; `GET /api/v1/firmware-profiles` lists them. */
      z.object({ profile: shortTextSchema }).strict(),
    ]),
    policy: tailoringPolicySchema.prefault({}),
  })
  .strict()
  .meta({ id: "TailoringPlanRequest" });
export type TailoringPlanRequest = z.input<typeof tailoringPlanRequestSchema>;

/** A firmware profile in short: `GET /api/v1/firmware-profiles`. */
export const firmwareProfileViewSchema = z
  .object({
    id: shortTextSchema,
    title: shortTextSchema,
    /** `device` profiles say what a device is, `accelerator` profiles what is plugged into it. */
    role: z.enum(["device", "accelerator"]),
    providers: z.array(shortTextSchema).max(16),
  })
  .meta({ id: "FirmwareProfile" });
export type FirmwareProfileView = z.infer<typeof firmwareProfileViewSchema>;
export const firmwareProfilesReplySchema = z
  .object({ profiles: z.array(firmwareProfileViewSchema) })
  .meta({ id: "FirmwareProfiles" });

/** `POST /api/v1/devices/{deviceId}/tunings`: have a device measure the candidates of its plan. */
export const tuningRequestSchema = z
  .object({
    /** What the device serves or is told to serve when absent. */
    model: modelNameSchema.optional(),
    version: modelVersionSchema.optional(),
    policy: tailoringPolicySchema.prefault({}),
    budgetSeconds: z.number().int().min(1).max(86_400).default(300),
    maximumCpuShare: z.number().min(0.01).max(1).default(0.5),
    minimumGain: z.number().min(0).max(0.9).default(0.05),
    hysteresisHours: z.number().min(0).max(8_760).default(24),
    /** Roll out to this device what the measurements say it should run. */
    apply: z.boolean().default(true),
  })
  .strict()
  .meta({ id: "TuningRequest" });
export type TuningRequest = z.input<typeof tuningRequestSchema>;

/** A tuning of a device, under way or ended. */
export const tuningViewSchema = z
  .object({
    tuningId: ulidSchema,
    deviceId: deviceIdSchema,
    model: modelNameSchema,
    version: modelVersionSchema,
    status: z.enum(["queued", "in_progress", "succeeded", "failed", "canceled"]),
    /** Why it was asked for, for people. */
    reason: shortTextSchema,
    apply: z.boolean(),
    candidates: z.array(tailoringCandidateSchema).max(MAXIMUM_CANDIDATES),
    rules: tuningOrderSchema.shape.rules,
    budget: tuningOrderSchema.shape.budget,
    /** How far the device is, 0 to 1. */
    progress: z.number().min(0).max(1),
    /** What the device said; null before that. */
    report: tuningReportSchema.nullable(),
    /** The rollout that the verdict led to. */
    rolloutId: ulidSchema.nullable(),
    createdAt: timestampSchema,
    finishedAt: timestampSchema.nullable(),
  })
  .meta({ id: "Tuning" });
export type TuningView = z.infer<typeof tuningViewSchema>;

/** How the bundle of each device is chosen. */
export const rolloutTailoringSchema = z
  .object({
    /** A variant for all devices; each gets the first of its own plan when absent. */
    variant: shortTextSchema.optional(),
    policy: tailoringPolicySchema.prefault({}),
    /**
     * Whether devices measure the plan's candidates once they serve. `auto`: as long as fewer than three devices of the type have
     * measured, then the others start with what those found.
     */
    tune: z.enum(["auto", "always", "never"]).default("auto"),
  })
  .strict()
  .meta({ id: "RolloutTailoring" });
export type RolloutTailoring = z.infer<typeof rolloutTailoringSchema>;
