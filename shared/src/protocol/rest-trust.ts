import { z } from "zod";
import {
  digestSchema,
  modelNameSchema,
  modelVersionSchema,
  shortTextSchema,
  timestampSchema,
  ulidSchema,
} from "./primitives.js";
import { variantKindSchema } from "./tailoring.js";
import { hardwareIdSchema, releaseCounterSchema, TRUST_LIMITS, TRUST_REPOSITORIES } from "./trust.js";

/** A role of a TUF repository: one of the four top-level ones, or a model family's. */
export const trustRoleSchema = modelNameSchema;

/** Metadata, byte for byte, as base64. */
const metadataTextSchema = z.base64().max(Math.ceil((TRUST_LIMITS.targetsBytes * 4) / 3) + 4);

/** SHA-256 of a key in TUF's canonical form, hex. */
export const trustKeyIdSchema = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits");

/** A public ed25519 key. */
export const trustPublicKeySchema = z
  .object({ keyId: trustKeyIdSchema, public: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits") })
  .meta({ id: "TrustPublicKey" });
export type TrustPublicKey = z.infer<typeof trustPublicKeySchema>;

/** `GET /api/v1/trust/online-keys`: the public keys that the control plane signs with by itself. */
export const trustOnlineKeysSchema = z
  .object({
    image: z.object({ snapshot: trustPublicKeySchema, timestamp: trustPublicKeySchema }),
    /** Signs the targets, snapshot and timestamp of every device's director repository. */
    director: trustPublicKeySchema,
  })
  .meta({ id: "TrustOnlineKeys" });
export type TrustOnlineKeys = z.infer<typeof trustOnlineKeysSchema>;

/** `POST /api/v1/trust/ceremony`: version 1 of both roots and of the image repository's top-level targets, taken all or none. */
export const trustCeremonyRequestSchema = z
  .object({ imageRoot: metadataTextSchema, imageTargets: metadataTextSchema, directorRoot: metadataTextSchema })
  .strict()
  .meta({ id: "TrustCeremonyRequest" });
export type TrustCeremonyRequest = z.infer<typeof trustCeremonyRequestSchema>;

/** `GET /api/v1/trust/roots`: the first roots, which a device keeps from its enrolment on. */
export const trustRootsSchema = z
  .object({ image: metadataTextSchema, director: metadataTextSchema })
  .meta({ id: "TrustRoots" });
export type TrustRoots = z.infer<typeof trustRootsSchema>;

/** How a role stands: `expiring` is to be renewed soon, `unsigned` has too few signatures of the keys that may sign it now. */
export const TRUST_ROLE_STATES = ["valid", "expiring", "expired", "unsigned"] as const;

export const trustRoleViewSchema = z
  .object({
    repository: z.enum(TRUST_REPOSITORIES),
    role: trustRoleSchema,
    version: z.number().int().min(1),
    expiresAt: timestampSchema,
    state: z.enum(TRUST_ROLE_STATES),
    threshold: z.number().int().min(1),
    keys: z.array(trustPublicKeySchema),
    /** Targets that it names; 0 for roles that name none. */
    targets: z.number().int().min(0),
  })
  .meta({ id: "TrustRoleView" });
export type TrustRoleView = z.infer<typeof trustRoleViewSchema>;

/** `GET /api/v1/trust/status`. */
export const trustStatusSchema = z
  .object({
    /** Whether the key ceremony was held. */
    ready: z.boolean(),
    roles: z.array(trustRoleViewSchema),
    /** Models with bundles, but without a role that may sign them. */
    modelsWithoutRole: z.array(shortTextSchema),
    openRequests: z.number().int().min(0),
    /** Devices that have a director repository. */
    devices: z.number().int().min(0),
    /** What a person should look at, in sentences. */
    problems: z.array(shortTextSchema),
  })
  .meta({ id: "TrustStatus" });
export type TrustStatus = z.infer<typeof trustStatusSchema>;

export const SIGNING_REQUEST_STATUSES = ["open", "published", "superseded"] as const;

/** Metadata that waits for signatures. */
export const signingRequestViewSchema = z
  .object({
    requestId: ulidSchema,
    repository: z.enum(TRUST_REPOSITORIES),
    role: trustRoleSchema,
    version: z.number().int().min(1),
    status: z.enum(SIGNING_REQUEST_STATUSES),
    /** Why it was made, in a sentence. */
    reason: shortTextSchema,
    createdAt: timestampSchema,
    /** Who has to sign: all of them must be met. A new root needs the old root's keys and its own. */
    needs: z.array(
      z.object({
        by: z.enum(["keys", "old_root", "new_root"]),
        threshold: z.number().int().min(1),
        keyIds: z.array(trustKeyIdSchema),
        signedBy: z.array(trustKeyIdSchema),
      }),
    ),
  })
  .meta({ id: "SigningRequestView" });
export type SigningRequestView = z.infer<typeof signingRequestViewSchema>;

/** One request with what is to be signed, and what is published now (null: nothing yet). */
export const signingRequestDetailSchema = signingRequestViewSchema
  .extend({ metadata: metadataTextSchema, published: metadataTextSchema.nullable() })
  .meta({ id: "SigningRequestDetail" });
export type SigningRequestDetail = z.infer<typeof signingRequestDetailSchema>;

/** `POST /api/v1/trust/requests`: a new root, or new top-level targets of the image repository, to be signed. */
export const signingProposalSchema = z
  .object({
    repository: z.enum(TRUST_REPOSITORIES),
    role: z.enum(["root", "targets"]),
    metadata: metadataTextSchema,
    reason: shortTextSchema,
  })
  .strict()
  .meta({ id: "SigningProposal" });
export type SigningProposal = z.infer<typeof signingProposalSchema>;

/** `POST /api/v1/trust/requests/{requestId}/signatures`: ed25519 over the canonical form of what is to be signed. */
export const trustSignatureSchema = z
  .object({ keyId: trustKeyIdSchema, signature: z.string().regex(/^[0-9a-f]{128}$/, "expected 128 hex digits") })
  .strict()
  .meta({ id: "TrustSignature" });
export type TrustSignature = z.infer<typeof trustSignatureSchema>;

/** `POST /api/v1/trust/releases`. */
export const releaseRequestSchema = z
  .object({
    model: modelNameSchema,
    version: modelVersionSchema,
    /** Gives the version a higher counter than all others, so that devices that run a newer one take it: a downgrade that is meant. */
    again: z.boolean().default(false),
  })
  .strict()
  .meta({ id: "ReleaseRequest" });
export type ReleaseRequest = z.infer<typeof releaseRequestSchema>;

export const releaseViewSchema = z
  .object({
    model: modelNameSchema,
    version: modelVersionSchema,
    releaseCounter: releaseCounterSchema,
    /** What has to be signed for it; null where everything is signed. */
    requestId: ulidSchema.nullable(),
  })
  .meta({ id: "ReleaseView" });
export type ReleaseView = z.infer<typeof releaseViewSchema>;

/** `GET /api/v1/trust/releases/{model}/{version}`: what devices believe of a version. */
export const versionTrustSchema = z
  .object({
    model: modelNameSchema,
    version: modelVersionSchema,
    bundles: z.array(
      z.object({
        bundleId: digestSchema,
        variant: z.object({ name: shortTextSchema, kind: variantKindSchema }),
        /** As it was signed by people; null while it waits for signatures: until then no device installs or measures it. */
        signed: z.object({ releaseCounter: releaseCounterSchema, hardware: z.array(hardwareIdSchema) }).nullable(),
      }),
    ),
  })
  .meta({ id: "VersionTrust" });
export type VersionTrust = z.infer<typeof versionTrustSchema>;

/** `GET /api/v1/trust/metadata/{repository}/{role}`: what is published. */
export const publishedMetadataSchema = z
  .object({ version: z.number().int().min(1), metadata: metadataTextSchema })
  .meta({ id: "PublishedMetadata" });
export type PublishedMetadata = z.infer<typeof publishedMetadataSchema>;
