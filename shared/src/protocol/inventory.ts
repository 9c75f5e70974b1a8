import { z } from "zod";
import { countSchema, lineSchema, shortTextSchema, timestampSchema } from "./primitives.js";
import { PROTOCOL_VERSION } from "./version.js";

/** The processor. */
export const cpuSchema = z.object({
  architecture: z.enum(["x64", "arm64", "arm", "other"]),
  vendor: shortTextSchema.optional(),
  model: shortTextSchema.optional(),
  /** Cores the operating system schedules on, hyper-threads counted. */
  logicalCores: z.number().int().min(1).max(4096),
  physicalCores: z.number().int().min(1).max(4096).optional(),
  maximumFrequencyMhz: z.number().min(0).max(100_000).optional(),
  /** Core types of a heterogeneous processor, e.g. Cortex-A76 x 4 and Cortex-A55 x 4. */
  clusters: z
    .array(
      z.object({
        core: shortTextSchema,
        count: z.number().int().min(1).max(4096),
        maximumFrequencyMhz: z.number().min(0).max(100_000).optional(),
      }),
    )
    .max(16)
    .optional(),
  /** The instruction-set extensions that decide how fast int8, fp16 and bf16 run. */
  features: z.object({
    avx2: z.boolean().optional(),
    avx512f: z.boolean().optional(),
    avx512vnni: z.boolean().optional(),
    avxvnni: z.boolean().optional(),
    amxInt8: z.boolean().optional(),
    amxBf16: z.boolean().optional(),
    avx512fp16: z.boolean().optional(),
    neon: z.boolean().optional(),
    /** ARMv8.2 half-precision arithmetic (asimdhp). */
    fp16: z.boolean().optional(),
    /** ARMv8.2 int8 dot product (asimddp). */
    dotprod: z.boolean().optional(),
    i8mm: z.boolean().optional(),
    bf16: z.boolean().optional(),
    sve: z.boolean().optional(),
  }),
});
export type Cpu = z.infer<typeof cpuSchema>;

/** A graphics processor or another accelerator. */
export const acceleratorSchema = z.object({
  kind: z.enum(["gpu", "npu", "dla", "other"]),
  vendor: z.enum(["nvidia", "intel", "amd", "arm", "rockchip", "broadcom", "other"]),
  model: shortTextSchema,
  /** NVIDIA compute capability, e.g. "8.7". */
  computeCapability: z
    .string()
    .regex(/^\d{1,2}\.\d$/)
    .optional(),
  memoryBytes: countSchema.optional(),
  driverVersion: shortTextSchema.optional(),
  /** True where CPU and accelerator share one memory (Jetson, integrated graphics). */
  sharedMemory: z.boolean().optional(),
});
export type Accelerator = z.infer<typeof acceleratorSchema>;

/** What only NVIDIA Jetson modules have. */
export const jetsonSchema = z.object({
  /** Module, e.g. "jetson-orin-nano-8gb". */
  module: shortTextSchema,
  partNumber: shortTextSchema.optional(),
  /** L4T release, e.g. "36.4.3". */
  l4tRelease: shortTextSchema.optional(),
  jetpackVersion: shortTextSchema.optional(),
  powerMode: z.object({ id: z.number().int().min(0).max(255), name: shortTextSchema.optional() }).optional(),
  /** Power modes that nvpmodel offers on this module. */
  powerModes: z
    .array(z.object({ id: z.number().int().min(0).max(255), name: shortTextSchema }))
    .max(32)
    .optional(),
  /** Names of the power rails that can be read. */
  powerRails: z.array(shortTextSchema).max(32).optional(),
});
export type Jetson = z.infer<typeof jetsonSchema>;

/** Everything a device says of its hardware and software; sent whole when any of it changed. */
export const inventorySchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    collectedAt: timestampSchema,
    /** True where the inventory comes from a firmware profile and not from the machine itself. */
    emulated: z.boolean(),
    /** The firmware profile an emulated device was made from. */
    emulatedProfile: shortTextSchema.optional(),
    board: z.object({
      manufacturer: shortTextSchema.optional(),
      model: shortTextSchema,
      /** `compatible` strings of the device tree, most specific first. */
      compatible: z.array(shortTextSchema).max(32).optional(),
      /** Serial numbers are personal data of a sort: only a salted hash leaves the device. */
      serialHash: shortTextSchema.optional(),
    }),
    cpu: cpuSchema,
    memory: z.object({ totalBytes: countSchema, swapBytes: countSchema.optional() }),
    disk: z.object({ path: lineSchema(1024), totalBytes: countSchema, availableBytes: countSchema }),
    accelerators: z.array(acceleratorSchema).max(32),
    jetson: jetsonSchema.optional(),
    thermalZones: z.array(z.object({ name: shortTextSchema, path: lineSchema(1024) })).max(64),
    operatingSystem: z.object({
      name: shortTextSchema,
      version: shortTextSchema.optional(),
      kernel: shortTextSchema,
      glibc: shortTextSchema.optional(),
      container: z.boolean().optional(),
    }),
    network: z.object({ hostname: shortTextSchema, interfaces: z.array(shortTextSchema).max(64) }),
    runtime: z.object({
      agentVersion: shortTextSchema,
      nodeVersion: shortTextSchema,
      /** ONNX Runtime's version, e.g. "1.30.0". */
      onnxRuntimeVersion: shortTextSchema,
      /** Execution providers that this ONNX Runtime was built with, by its own names. */
      executionProviders: z.array(z.object({ name: shortTextSchema, bundled: z.boolean() })).max(32),
    }),
  })
  .meta({ id: "Inventory" });
export type Inventory = z.infer<typeof inventorySchema>;
