import { z } from "zod";
import { executionProviderSchema, runtimeAdapterSchema, variantKindSchema } from "../../protocol/index.js";

const slugSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "expected 1 to 63 of a-z, 0-9 and -");
const sentenceSchema = z.string().min(1).max(512);
const optionsSchema = z.record(z.string().max(128), z.string().max(256));
/** Ids of the entries of `sources` that a fact rests on. */
const sourceIdsSchema = z.array(slugSchema).min(1).max(8);

/** Where a fact comes from. Facts name it by its id; without an id it speaks for the file as a whole. */
export const sourceSchema = z
  .object({ id: slugSchema.optional(), fact: sentenceSchema, source: sentenceSchema })
  .strict();
export type ProfileSource = z.infer<typeof sourceSchema>;

/** How much memory a loaded model may take. For an accelerator's profile: of the accelerator's own memory. */
const memorySchema = z
  .object({
    /** Share of the memory that the inventory reports, 0 to 1. */
    modelShare: z.number().gt(0).max(1),
    /** An upper bound besides, bytes. */
    maximumModelBytes: z.number().int().min(1).optional(),
    /** True where GPU and CPU take from one memory. */
    sharedWithGpu: z.boolean(),
    reason: sentenceSchema,
  })
  .strict();

const powerModeSchema = z
  .object({
    /** What `nvpmodel -m` takes. */
    id: z.number().int().min(0).max(255),
    name: z.string().min(1).max(64),
    /** What the mode is named and tuned for, mW; absent for modes without a budget. */
    budgetMilliwatts: z.number().int().min(1).optional(),
    onlineCores: z.number().int().min(1).max(4096).optional(),
    cpuMaximumMhz: z.number().min(1).optional(),
    gpuMaximumMhz: z.number().min(1).optional(),
  })
  .strict();
export type PowerMode = z.infer<typeof powerModeSchema>;

const powerSchema = z
  .object({
    /** Most that the module is built to draw, mW. */
    maximumMilliwatts: z.number().int().min(1).optional(),
    modes: z.array(powerModeSchema).max(32),
    sources: sourceIdsSchema,
  })
  .strict();

const thermalSchema = z
  .object({
    /** Where the device starts to slow down, degrees Celsius. */
    throttleCelsius: z.number().min(0).max(150).optional(),
    /** Where it slows down hard or switches off, degrees Celsius. */
    limitCelsius: z.number().min(0).max(150).optional(),
    text: sentenceSchema,
    sources: sourceIdsSchema,
  })
  .strict();

/**
 * How fast a provider is in fp32, as a class: good for an order and an order of magnitude. Measurements replace it.
 * A `basis` that begins with "Assumption:" needs no source; anything else does.
 */
const throughputSchema = z
  .object({
    /** "thread": of one thread on a fast core. "device": of the whole accelerator. */
    scale: z.enum(["thread", "device"]),
    /** Sustained multiply-accumulates of a dense convolution, 10^9 a second. */
    gigaMacsPerSecond: z.number().positive().max(1_000_000),
    /** Clock that it holds at, MHz; scaled to the device's own where both are known. */
    atMhz: z.number().positive().optional(),
    /** The truth lies between the number divided by this and multiplied by it. */
    uncertainty: z.number().min(1).max(100),
    /** Cost of a call whatever its size, ms. */
    overheadMs: z.number().min(0).max(1000),
    basis: sentenceSchema,
    sources: sourceIdsSchema.optional(),
  })
  .strict();

const providerSchema = z
  .object({
    name: executionProviderSchema,
    adapter: runtimeAdapterSchema,
    /** What has to be installed besides the agent; absent when nothing. */
    needs: sentenceSchema.optional(),
    /** Options of the provider, as ONNX Runtime spells them. */
    options: optionsSchema.optional(),
    /** Memory that the runtime takes before any model, bytes. */
    runtimeBytes: z.number().int().min(0),
    throughput: throughputSchema,
    sources: sourceIdsSchema,
  })
  .strict();
export type ProviderFacts = z.infer<typeof providerSchema>;

/** What is known of a variant on a provider: try first, worth measuring, expected to lose, never. */
export const STANDINGS = ["prefer", "measure", "avoid", "never"] as const;
export type Standing = (typeof STANDINGS)[number];

const precisionSchema = z
  .object({
    provider: executionProviderSchema,
    variant: variantKindSchema,
    standing: z.enum(STANDINGS),
    /** How many times as fast as fp32 on the same provider, by what was measured or is known; absent for `never`. */
    speedup: z
      .object({ low: z.number().positive(), typical: z.number().positive(), high: z.number().positive() })
      .strict()
      .optional(),
    sessionConfig: optionsSchema.optional(),
    reason: sentenceSchema,
    sources: sourceIdsSchema,
  })
  .strict();
export type PrecisionFacts = z.infer<typeof precisionSchema>;

const trapSchema = z.object({ id: slugSchema, text: sentenceSchema, sources: sourceIdsSchema }).strict();

/** Everything that a resolved profile knows. What could not be confirmed is absent. */
export const profileFactsSchema = z.object({
  memory: memorySchema,
  power: powerSchema.optional(),
  thermal: thermalSchema.optional(),
  /** In the order of preference. */
  executionProviders: z.array(providerSchema).min(1).max(8),
  precisions: z
    .array(
      precisionSchema.refine(
        (entry) => (entry.speedup === undefined) === (entry.standing === "never"),
        "expected a speedup, and none for never",
      ),
    )
    .min(1)
    .max(128),
  traps: z.array(trapSchema).max(64),
});
export type ProfileFacts = z.infer<typeof profileFactsSchema>;

/** What one file may say: any part of the facts, list entries by their keys; the rest comes from the templates it extends. */
export const partialFactsSchema = z.object({
  memory: memorySchema.partial().optional(),
  power: powerSchema
    .partial()
    .extend({
      modes: z
        .array(powerModeSchema.partial().required({ id: true }))
        .max(32)
        .optional(),
    })
    .optional(),
  thermal: thermalSchema.partial().optional(),
  executionProviders: z
    .array(
      providerSchema.partial().required({ name: true }).extend({ throughput: throughputSchema.partial().optional() }),
    )
    .max(8)
    .optional(),
  precisions: z
    .array(precisionSchema.partial().required({ provider: true, variant: true }))
    .max(128)
    .optional(),
  traps: z
    .array(trapSchema.partial().required({ id: true }))
    .max(64)
    .optional(),
});
export type PartialFacts = z.infer<typeof partialFactsSchema>;
