import { z } from "zod";
import { deviceIdSchema, shortTextSchema } from "./primitives.js";
import { PROTOCOL_VERSION } from "./version.js";

/** POST /api/v1/enrolments: a device redeems its one-time token. */
export const enrolmentRequestSchema = z
  .object({
    schemaVersion: z.literal(PROTOCOL_VERSION),
    token: z.string().min(16).max(256),
    /** 256 random bits that the device made, base64url; the server keeps only a hash. The same token with the same secret enrols the same device again. */
    secret: z.string().regex(/^[A-Za-z0-9_-]{43}$/, "expected 32 bytes as base64url"),
    /** A name that people read; the host name by default. */
    name: shortTextSchema,
    emulated: z.boolean(),
  })
  .meta({ id: "EnrolmentRequest" });
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

export const enrolmentReplySchema = z
  .object({
    deviceId: deviceIdSchema,
    /** Where the broker is, e.g. mqtt://host:1883. Client id and user name are the device id, the password is the secret. */
    mqttUrl: z.url().max(1024),
    /** Base address for bundles and chunks; requests carry `Authorization: Bearer <deviceId>.<secret>`. */
    httpUrl: z.url().max(1024),
  })
  .meta({ id: "EnrolmentReply" });
export type EnrolmentReply = z.infer<typeof enrolmentReplySchema>;
