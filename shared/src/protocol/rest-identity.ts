import { z } from "zod";
import { certificatesPemSchema, csrPemSchema, enrolmentTokenSchema, newcomerShape } from "./enrolment.js";
import { groupNameSchema } from "./groups.js";
import { countSchema, deviceIdSchema, shortTextSchema, timestampSchema } from "./primitives.js";
import { hardwareIdSchema } from "./trust.js";

/** SHA-256 of a public key (SubjectPublicKeyInfo, DER), hex: what a device shows and an operator compares. */
export const keyFingerprintSchema = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits");

/** What an enrolment is allowed for, whether by token, by a key known in advance, or by a claim. */
const enrolmentScopeShape = {
  note: shortTextSchema.optional(),
  /** Only for devices of one of these kinds; any device when absent. */
  hardware: z.array(hardwareIdSchema).min(1).max(16).optional(),
  /** A device that gets a new board or a new key: it keeps name and history, its old certificates end. */
  replaces: deviceIdSchema.optional(),
  /** Where the device belongs; `default` when absent, or the only group of whoever asks. What replaces a device stays in its group. */
  group: groupNameSchema.optional(),
  /** The site is offline for long: certificates of its device live longer. */
  offlineSite: z.boolean().default(false),
};

const STAYS_IN_ITS_GROUP = "what replaces a device stays in its group: name either";
function staysInItsGroup({ group, replaces }: { group?: string | undefined; replaces?: string | undefined }): boolean {
  return group === undefined || replaces === undefined;
}

// --- enrolment tokens --------------------------------------------------------------------------

export const enrolmentTokenRequestSchema = z
  .object({ lifetimeSeconds: z.number().int().min(10).max(86_400).default(3_600), ...enrolmentScopeShape })
  .refine(staysInItsGroup, STAYS_IN_ITS_GROUP)
  .meta({ id: "EnrolmentTokenRequest" });
export type EnrolmentTokenRequest = z.infer<typeof enrolmentTokenRequestSchema>;

export const enrolmentTokenReplySchema = z
  .object({
    token: enrolmentTokenSchema,
    expiresAt: timestampSchema,
    /** Where devices reach the control plane, as far as it knows: https://host:8443. */
    deviceUrl: z.url().max(1024),
  })
  .meta({ id: "EnrolmentTokenReply" });
export type EnrolmentTokenReply = z.infer<typeof enrolmentTokenReplySchema>;

// --- enrolment by key --------------------------------------------------------------------------

/** `POST /api/v1/enrolments/keys` (operators): a device with this key may enrol without a token, whether it has asked already or not. */
export const enrolmentKeyRequestSchema = z
  .object({
    fingerprint: keyFingerprintSchema,
    lifetimeSeconds: z.number().int().min(10).max(7_776_000).default(86_400),
    ...enrolmentScopeShape,
  })
  .refine(staysInItsGroup, STAYS_IN_ITS_GROUP)
  .meta({ id: "EnrolmentKeyRequest" });
export type EnrolmentKeyRequest = z.infer<typeof enrolmentKeyRequestSchema>;

export const enrolmentKeyReplySchema = z
  .object({ fingerprint: keyFingerprintSchema, expiresAt: timestampSchema })
  .meta({ id: "EnrolmentKeyReply" });
export type EnrolmentKeyReply = z.infer<typeof enrolmentKeyReplySchema>;

/**
 * `POST /api/v1/enrolments/pending` (devices without a certificate). Answers 200 with an EnrolmentReply once an operator allowed the key,
 * 202 with {@link pendingEnrolmentReplySchema} until then: ask again with the same request.
 */
export const pendingEnrolmentRequestSchema = z.object(newcomerShape).meta({ id: "PendingEnrolmentRequest" });
export type PendingEnrolmentRequest = z.infer<typeof pendingEnrolmentRequestSchema>;

export const pendingEnrolmentReplySchema = z
  .object({
    status: z.literal("pending"),
    /** To be compared by a person with what the device shows. */
    fingerprint: keyFingerprintSchema,
    retryAfterSeconds: z.number().int().min(1).max(3_600),
    expiresAt: timestampSchema,
  })
  .meta({ id: "PendingEnrolmentReply" });
export type PendingEnrolmentReply = z.infer<typeof pendingEnrolmentReplySchema>;

/** `GET /api/v1/enrolments/pending` (operators): devices that wait to be claimed. All but the fingerprint is what they say of themselves. */
export const pendingEnrolmentsReplySchema = z
  .object({
    items: z.array(
      z.object({
        fingerprint: keyFingerprintSchema,
        name: shortTextSchema,
        emulated: z.boolean(),
        hardware: z.array(hardwareIdSchema),
        address: z.string(),
        firstSeenAt: timestampSchema,
        lastSeenAt: timestampSchema,
        expiresAt: timestampSchema,
      }),
    ),
  })
  .meta({ id: "PendingEnrolmentsReply" });
export type PendingEnrolmentsReply = z.infer<typeof pendingEnrolmentsReplySchema>;

// --- certificates ------------------------------------------------------------------------------

const authorityCertificateSchema = z.object({
  subject: z.string(),
  /** SHA-256 of the certificate (DER), hex. */
  fingerprint: keyFingerprintSchema,
  notBefore: timestampSchema,
  notAfter: timestampSchema,
});

/** `GET /api/v1/certificates/authority/status` (viewers): what all certificates hang on, and until when. */
export const authorityStatusSchema = z
  .object({
    root: authorityCertificateSchema.extend({
      certificate: certificatesPemSchema,
      /** The fingerprint in base64url, as enrolment tokens and SARTOR_CA_FINGERPRINT have it. */
      pin: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
      /** The root's private key lies in the control plane's state folder still; it should not. */
      keyIsHere: z.boolean(),
    }),
    intermediate: authorityCertificateSchema,
  })
  .meta({ id: "AuthorityStatus" });
export type AuthorityStatus = z.infer<typeof authorityStatusSchema>;

/** Why a certificate ended before its time. */
export const REVOCATION_REASONS = ["revoked", "replaced", "superseded", "removed"] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** `POST /api/v1/devices/:deviceId/revoke` (operators): all certificates of the device end, its connections are closed. */
export const deviceRevocationReplySchema = z
  .object({ deviceId: deviceIdSchema, revokedCertificates: countSchema })
  .meta({ id: "DeviceRevocationReply" });
export type DeviceRevocationReply = z.infer<typeof deviceRevocationReplySchema>;

export const deviceCertificateViewSchema = z.object({
  serial: z.string(),
  /** SHA-256 of the certificate (DER), hex. */
  fingerprint: keyFingerprintSchema,
  keyFingerprint: keyFingerprintSchema,
  notBefore: timestampSchema,
  notAfter: timestampSchema,
  firstUsedAt: timestampSchema.nullable(),
  revokedAt: timestampSchema.nullable(),
  reason: z.enum(REVOCATION_REASONS).nullable(),
});

/** `GET /api/v1/devices/:deviceId/certificates` (operators), the newest first. */
export const deviceCertificatesReplySchema = z
  .object({
    deviceId: deviceIdSchema,
    /** Rises when the device is replaced. */
    generation: countSchema,
    revokedAt: timestampSchema.nullable(),
    certificates: z.array(deviceCertificateViewSchema),
  })
  .meta({ id: "DeviceCertificatesReply" });
export type DeviceCertificatesReply = z.infer<typeof deviceCertificatesReplySchema>;

/** `POST /api/v1/certificates/servers` (operators): a certificate for an external broker, which devices trust by Sartor's root only. */
export const serverCertificateRequestSchema = z
  .object({
    csr: csrPemSchema,
    /** DNS names and IP addresses under which devices reach the server. */
    names: z
      .array(
        z
          .string()
          .min(1)
          .max(253)
          .regex(/^[A-Za-z0-9.:_-]+$/),
      )
      .min(1)
      .max(32),
  })
  .strict()
  .meta({ id: "ServerCertificateRequest" });
export type ServerCertificateRequest = z.infer<typeof serverCertificateRequestSchema>;

export const serverCertificateReplySchema = z
  .object({ certificate: certificatesPemSchema, authorities: certificatesPemSchema, expiresAt: timestampSchema })
  .meta({ id: "ServerCertificateReply" });
export type ServerCertificateReply = z.infer<typeof serverCertificateReplySchema>;
