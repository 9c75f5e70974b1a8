import { z } from "zod";
import { deviceIdSchema, shortTextSchema } from "./primitives.js";
import { hardwareIdSchema } from "./trust.js";
import { PROTOCOL_VERSION } from "./version.js";

/** PEM text of one certificate request. */
export const csrPemSchema = z
  .string()
  .max(8 * 1024)
  .regex(/^-----BEGIN CERTIFICATE REQUEST-----\r?\n/, "expected a certificate request in PEM");

/** PEM text of one certificate or of several, one after the other. */
export const certificatesPemSchema = z
  .string()
  .max(64 * 1024)
  .regex(/^-----BEGIN CERTIFICATE-----\r?\n/, "expected certificates in PEM");

/**
 * A one-time token as operators hand it out: `<secret>.<fingerprint>`. The secret is 32 random bytes, the fingerprint the SHA-256 of the control
 * plane's root certificate (DER), both base64url: who has the token can tell the control plane from somebody who only says that it is.
 */
export const enrolmentTokenSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$/,
    "expected an enrolment token: two parts of 43 characters with a dot between",
  );

/** What a device says of itself when it asks to be enrolled, by token or by key. */
export const newcomerShape = {
  schemaVersion: z.literal(PROTOCOL_VERSION),
  /** For a P-256 key that the device made and keeps; its subject is ignored. */
  csr: csrPemSchema,
  /** A name that people read; the host name by default. */
  name: shortTextSchema,
  emulated: z.boolean(),
  /** The kinds of hardware that the device is, the most special one first. */
  hardware: z.array(hardwareIdSchema).min(1).max(8),
};

/** `POST /api/v1/enrolments`: a device redeems its one-time token. The same token with the same key gets the same certificate again. */
export const enrolmentRequestSchema = z
  .object({ ...newcomerShape, token: enrolmentTokenSchema })
  .meta({ id: "EnrolmentRequest" });
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

export const enrolmentReplySchema = z
  .object({
    deviceId: deviceIdSchema,
    /** The device's certificate (CN = device id, URI SAN `urn:sartor:device:<id>`), then the intermediate that issued it. */
    certificate: certificatesPemSchema,
    /** The control plane's root: what the device trusts TLS servers by, and nothing else. */
    authorities: certificatesPemSchema,
    /** Where the broker is: mqtts://host:8883. The client id is the device id; the certificate says who it is. */
    mqttUrl: z.url().max(1024),
    /** Base address for everything over HTTPS: https://host:8443. */
    httpUrl: z.url().max(1024),
  })
  .meta({ id: "EnrolmentReply" });
export type EnrolmentReply = z.infer<typeof enrolmentReplySchema>;

/** `POST /api/v1/certificates/renewals`, with the certificate that is valid still: a request for a new key. */
export const renewalRequestSchema = z.object({ csr: csrPemSchema }).strict().meta({ id: "RenewalRequest" });
export const renewalReplySchema = z
  .object({ certificate: certificatesPemSchema, authorities: certificatesPemSchema })
  .meta({ id: "RenewalReply" });
export type RenewalReply = z.infer<typeof renewalReplySchema>;

/** `GET /api/v1/certificates/nonces/new`: what an expired device signs to show that it has its key still. */
export const renewalNonceSchema = z
  .object({ nonce: z.string().regex(/^[A-Za-z0-9_-]{43}$/), expiresInSeconds: z.number().int().min(1).max(3_600) })
  .meta({ id: "RenewalNonce" });

/** `POST /api/v1/certificates/late-renewals`, without a client certificate: for a device whose certificate ended within the grace. */
export const lateRenewalRequestSchema = z
  .object({
    certificate: certificatesPemSchema,
    nonce: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
    /** ECDSA with SHA-256 by the old key, DER as base64url, of `sartor-late-renewal\n<nonce>\n<SHA-256 of the request's PEM, hex>`. */
    signature: z.string().regex(/^[A-Za-z0-9_-]{64,256}$/),
    csr: csrPemSchema,
  })
  .strict()
  .meta({ id: "LateRenewalRequest" });
