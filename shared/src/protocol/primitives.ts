import { z } from "zod";

/** SHA-256 of some bytes, in lower-case hex with its algorithm in front. */
export const digestSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hex digits")
  .meta({ id: "Digest", examples: [`sha256:${"0".repeat(64)}`] });
export type Digest = z.infer<typeof digestSchema>;

/** A device's id: given by the control plane at enrolment, used as MQTT client id and topic level. */
export const deviceIdSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{2,62}$/, "expected 3 to 63 of a-z, 0-9 and -");

/** Ids that the control plane makes (rollouts, deployments): ULIDs. */
export const ulidSchema = z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "expected a ULID");

/** A model's name: part of addresses and of file names. */
export const modelNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "expected 1 to 63 of a-z, 0-9 and -");

/** A model's version, as in semantic versioning without build metadata. */
export const modelVersionSchema = z
  .string()
  .max(64)
  .regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$/, "expected MAJOR.MINOR.PATCH");

/** Milliseconds since 1970-01-01T00:00:00Z. A device without a clock may send a wrong one; it is data, not truth. */
export const timestampSchema = z.number().int().min(0).max(8_640_000_000_000_000);

/** A count that fits a float64 exactly. */
export const countSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/**
 * Control characters of ASCII. They end up in logs, terminals and columns: PostgreSQL refuses text with U+0000, so one
 * of them would fail the whole transaction that it is written in.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const WITHOUT_CONTROLS = /^[^\u0000-\u001f\u007f]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROLS_BUT_TAB_AND_NEWLINE = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** One line of text, refused when it holds control characters. */
export const lineSchema = (maximum: number) =>
  z.string().max(maximum).regex(WITHOUT_CONTROLS, "expected text without control characters");

/** Names, ids and versions that are shown to people. */
export const shortTextSchema = lineSchema(256);

/**
 * Prose that may have lines. Other control characters become U+FFFD instead of being refused: what explains a failure
 * must not be lost for the colour codes that some library put into its message.
 */
export const proseSchema = (maximum: number) =>
  z
    .string()
    .max(maximum)
    .overwrite((text) => text.replace(CONTROLS_BUT_TAB_AND_NEWLINE, "\ufffd"));
export const longTextSchema = proseSchema(4096);

/** An error that a device reports. The code stays a plain string so that a newer agent's code is not fatal here. */
export const reportedErrorSchema = z.object({
  code: lineSchema(64),
  message: proseSchema(2048),
  details: z.record(lineSchema(256), z.unknown()).optional(),
});
export type ReportedError = z.infer<typeof reportedErrorSchema>;
