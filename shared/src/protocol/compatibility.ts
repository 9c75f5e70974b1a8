import type { z } from "zod";
import { SartorError } from "../errors/index.js";
import { PROTOCOL_VERSION } from "./version.js";

/** Most problems listed in one error. */
const MAXIMUM_PROBLEMS = 8;

/** A message that was read. */
export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: SartorError };

/** Names what does not fit, as `path: problem`, a few at most. */
export function describeProblems(error: z.ZodError): string[] {
  return error.issues
    .slice(0, MAXIMUM_PROBLEMS)
    .map((issue) => `${issue.path.join(".") || "(message)"}: ${issue.message}`);
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
