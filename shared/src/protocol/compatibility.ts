import type { z } from "zod";
import { SartorError } from "../errors/index.js";
import { PROTOCOL_VERSION } from "./version.js";

/** Most problems listed in one error. */
const MAXIMUM_PROBLEMS = 8;

/** A message that was read. */
export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: SartorError };

/** Longest path and longest problem in one error, characters. */
const MAXIMUM_PATH = 128;
const MAXIMUM_PROBLEM = 256;

/** What would break a line, colour a terminal or turn the reading direction: C0, DEL, C1, separators, bidi controls. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Makes text of a stranger fit for one line of a log: what is unprintable is escaped as in JSON, what is too long is cut.
 *
 * @param maximum longest result, characters
 */
export function printable(text: string, maximum: number): string {
  const escaped = text
    .slice(0, maximum + 1)
    .replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return escaped.length > maximum ? `${escaped.slice(0, maximum - 1)}\u2026` : escaped;
}

/** Names what does not fit, as `path: problem`, a few at most. Both may repeat what the sender wrote: they are made printable. */
export function describeProblems(error: z.ZodError): string[] {
  return error.issues.slice(0, MAXIMUM_PROBLEMS).map((issue) => {
    const path = issue.path.map((part) => (/^\w+$/.test(String(part)) ? String(part) : JSON.stringify(String(part))));
    return `${printable(path.join("."), MAXIMUM_PATH) || "(message)"}: ${printable(issue.message, MAXIMUM_PROBLEM)}`;
  });
}

/**
 * Reads one message: JSON, version, schema. Unknown fields are ignored, so that a newer peer is not shut out.
 *
 * @param maximumBytes refused before parsing when longer
 */
export function parseMessage<T>(schema: z.ZodType<T>, payload: Uint8Array, maximumBytes: number): ParseResult<T> {
  if (payload.byteLength > maximumBytes) {
    return fail(
      new SartorError(
        "SRT_PACKET_TOO_LARGE",
        `The message has ${payload.byteLength} bytes; at most ${maximumBytes} are accepted.`,
      ),
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (cause) {
    return fail(new SartorError("SRT_MESSAGE_INVALID", "The message is not JSON in UTF-8.", { cause }));
  }
  const version =
    typeof json === "object" && json !== null ? (json as { schemaVersion?: unknown }).schemaVersion : undefined;
  if (typeof version === "number" && version !== PROTOCOL_VERSION) {
    return fail(
      new SartorError(
        "SRT_PROTOCOL_UNSUPPORTED",
        `The message has protocol version ${version}; this side speaks ${PROTOCOL_VERSION}.`,
      ),
    );
  }
  const result = schema.safeParse(json);
  if (result.success) return { ok: true, value: result.data };
  const problems = describeProblems(result.error);
  return fail(
    new SartorError("SRT_MESSAGE_INVALID", `The message does not fit its schema: ${problems.join("; ")}`, {
      details: { problems },
    }),
  );
}

function fail<T>(error: SartorError): ParseResult<T> {
  return { ok: false, error };
}
