import { z } from "zod";
import { LIMITS } from "./limits.js";
import { goldenToleranceSchema, modelManifestSchema } from "./model-manifest.js";
import { countSchema, digestSchema, modelNameSchema, modelVersionSchema, shortTextSchema } from "./primitives.js";
import { runtimeAdapterSchema, variantKindSchema } from "./tailoring.js";

/** File names inside a bundle: one level, no dots in front, so that no name can leave the slot. */
export const bundleFileNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,127}$/, "expected a plain lower-case file name")
  .refine((name) => name !== "bundle.json" && name !== "sealed.json", "a slot keeps its own file under this name");

export const chunkRefSchema = z.object({ digest: digestSchema, bytes: z.number().int().min(1).max(LIMITS.chunkBytes) });
export type ChunkRef = z.infer<typeof chunkRefSchema>;

export const bundleFileSchema = z
  .object({
    name: bundleFileNameSchema,
    bytes: countSchema,
    digest: digestSchema,
    chunks: z.array(chunkRefSchema).max(LIMITS.chunksPerFile),
  })
  .refine(
    (file) => file.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0) === file.bytes,
    "the chunks do not add up to the file",
  );
export type BundleFile = z.infer<typeof bundleFileSchema>;

/** How a variant is run: by its bundle where nothing else is said, or as a device's own desired state says. */
export const runtimeSettingsSchema = z.object({
  adapter: runtimeAdapterSchema,
  /** Execution providers in order, by ONNX Runtime's own names. */
  executionProviders: z.array(shortTextSchema).min(1).max(8),
  intraOpThreads: z.number().int().min(1).max(256),
  graphOptimizationLevel: z.enum(["disabled", "basic", "extended", "all"]),
  /** Further session configuration entries, as ONNX Runtime spells them. */
  sessionConfig: z.record(z.string().max(128), z.string().max(256)).default({}),
  /** Options of the first execution provider, as ONNX Runtime spells them. */
  providerOptions: z.record(z.string().max(128), z.string().max(256)).default({}),
});
export type RuntimeSettings = z.infer<typeof runtimeSettingsSchema>;

/**
 * Bundles of the first release say `precision` where later ones say `kind`, and have no tolerance of their own: they hold fp32, so the
 * model's is theirs. Installed ones go on serving after an upgrade.
 */
function readFirstRelease(value: unknown): unknown {
  const manifest = value as { variant?: Record<string, unknown>; modelManifest?: { golden?: unknown } } | null;
  const variant = manifest?.variant;
  if (typeof variant !== "object" || variant === null || !("precision" in variant) || "kind" in variant) return value;
  const { precision, ...rest } = variant;
  return { ...manifest, variant: { ...rest, kind: precision, golden: manifest?.modelManifest?.golden } };
}

/**
 * The unit of installation: one variant of one model version, cut into content-addressed chunks.
 * The bundle's id is the SHA-256 of this manifest's bytes as served; the bytes are canonical JSON (sorted keys, no spaces).
 */
const currentManifestSchema = z
  .object({
    schemaVersion: z.literal(1),
    model: modelNameSchema,
    version: modelVersionSchema,
    variant: z.object({
      name: shortTextSchema,
      kind: variantKindSchema,
      /** What its golden vectors must hold on a device: another precision has other golden vectors and rounds otherwise. */
      golden: goldenToleranceSchema,
    }),
    runtime: runtimeSettingsSchema,
    modelManifest: modelManifestSchema,
    /** Which file is what. */
    entry: z.object({ model: bundleFileNameSchema, golden: bundleFileNameSchema }),
    files: z.array(bundleFileSchema).min(1).max(LIMITS.bundleFiles),
    totalBytes: countSchema,
  })
  .refine(
    (manifest) => new Set(manifest.files.map((file) => file.name)).size === manifest.files.length,
    "a file name stands twice",
  )
  .refine(
    (manifest) => Object.values(manifest.entry).every((name) => manifest.files.some((file) => file.name === name)),
    "an entry names no file",
  )
  .refine(
    (manifest) => manifest.files.reduce((sum, file) => sum + file.bytes, 0) === manifest.totalBytes,
    "the files do not add up to the bundle",
  )
  .meta({ id: "BundleManifest" });
export type BundleManifest = z.infer<typeof currentManifestSchema>;

/** {@link BundleManifest}, or one of the first release. */
export const bundleManifestSchema = z.preprocess(readFirstRelease, currentManifestSchema);
