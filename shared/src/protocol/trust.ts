import { z } from "zod";
import {
  countSchema,
  deviceIdSchema,
  digestSchema,
  modelNameSchema,
  modelVersionSchema,
  shortTextSchema,
  ulidSchema,
} from "./primitives.js";
import { variantKindSchema } from "./tailoring.js";
import { PROTOCOL_VERSION } from "./version.js";

/**
 * What Sartor's two TUF repositories hold. The image repository's targets are bundle manifests, signed by keys that are offline; the
 * director has a tiny repository for each device, whose targets are what this device shall do. A device installs what both name alike.
 * Metadata itself is TUF 1.0: ed25519, consistent snapshots, no floats, `expires` without milliseconds.
 */
export const TRUST_REPOSITORIES = ["image", "director"] as const;
export type TrustRepository = (typeof TRUST_REPOSITORIES)[number];

/** A kind of hardware that a bundle is for and a device is of: `linux-x64`, `linux-arm64`, or a fleet's own name for a product. */
export const hardwareIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "expected 1 to 64 of a-z, 0-9, dot, - and _");
export type HardwareId = z.infer<typeof hardwareIdSchema>;

/** Rises with every release of a model; a device never goes below the one that it installed last. */
export const releaseCounterSchema = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/**
 * Path of a bundle in both repositories: `<model>/<version>/<bundle id without "sha256:">.json`, always three segments, since TUF's patterns
 * match segment by segment. The file is the bundle's manifest, byte for byte: it names the digest of every file and chunk.
 */
export const bundleTargetPath = (bundle: { model: string; version: string; bundleId: string }): string =>
  `${bundle.model}/${bundle.version}/${bundle.bundleId.replace(/^sha256:/, "")}.json`;

/** The delegation of a model family: paths of the role that is named like the model. */
export const familyPaths = (model: string): string[] => [`${model}/*/*`];

/** `custom` of a bundle's target in the image repository. */
export const imageTargetCustomSchema = z.object({
  schemaVersion: z.literal(1),
  bundleId: digestSchema,
  model: modelNameSchema,
  version: modelVersionSchema,
  variant: z.object({ name: shortTextSchema, kind: variantKindSchema }),
  /** The kinds of hardware that it runs on; a device needs one of them. */
  hardware: z.array(hardwareIdSchema).min(1).max(32),
  releaseCounter: releaseCounterSchema,
  totalBytes: countSchema,
});
export type ImageTargetCustom = z.infer<typeof imageTargetCustomSchema>;

/** The device's desired state among the director's targets: the bytes of a DesiredState (canonical JSON). */
export const ORDER_TARGET = "desired.json";

/** `custom` of {@link ORDER_TARGET}. */
export const orderTargetCustomSchema = z.object({
  schemaVersion: z.literal(1),
  deviceId: deviceIdSchema,
  /** The desired state's generation: never falls. */
  generation: countSchema,
});
export type OrderTargetCustom = z.infer<typeof orderTargetCustomSchema>;

/** `custom` of a bundle among the director's targets; the target has the path, length and hashes of the image repository's. */
export const directorTargetCustomSchema = z.object({
  schemaVersion: z.literal(1),
  deviceId: deviceIdSchema,
  /** What the director takes the device for; one of the device's own ids and of the bundle's. */
  hardware: hardwareIdSchema,
  releaseCounter: releaseCounterSchema,
  /** To be installed, or only to be measured beside what serves. */
  purpose: z.enum(["deployment", "candidate"]),
  rolloutId: ulidSchema.nullable(),
});
export type DirectorTargetCustom = z.infer<typeof directorTargetCustomSchema>;

/** What a device is told over MQTT, retained on `.../nudge`: that there is something new. It is a hint, never an order. */
export const nudgeSchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    deviceId: deviceIdSchema,
    /** Newest generation of the device's desired state. */
    generation: countSchema,
  })
  .meta({ id: "Nudge" });
export type Nudge = z.infer<typeof nudgeSchema>;

/** Upper bounds of metadata, which a device holds before it parses. */
export const TRUST_LIMITS = {
  rootBytes: 64 * 1024,
  timestampBytes: 16 * 1024,
  snapshotBytes: 256 * 1024,
  targetsBytes: 1024 * 1024,
  /** Roots that a device follows in one go; one that was offline for longer follows the rest the next time. */
  rootRotations: 256,
  delegations: 32,
  /** Targets of one role: more are parsed in quadratic time by some clients. */
  targetsARole: 1_000,
  delegatedRoles: 256,
  orderBytes: 1024 * 1024,
} as const;

/** Where the repositories are, under the device's HTTP address. `GET <base>/metadata/<file>` and `GET <base>/targets/<path>`. */
export const TRUST_PATHS = {
  /** The first roots, `trustRootsSchema`. */
  roots: "/api/v1/trust/roots",
  image: "/api/v1/trust/image",
  director: (deviceId: string) => `/api/v1/trust/director/${deviceId}`,
} as const;
