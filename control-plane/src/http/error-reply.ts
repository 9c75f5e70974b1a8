import { HttpException } from "@nestjs/common";
import { type ErrorCode, SartorError } from "@sartor/shared/errors";
import type { ErrorReply } from "@sartor/shared/protocol";

/** Statuses that the framework gives by itself, and the code that stands for each. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "SRT_INVALID_REQUEST",
  401: "SRT_UNAUTHENTICATED",
  403: "SRT_FORBIDDEN",
  404: "SRT_NOT_FOUND",
  405: "SRT_METHOD_NOT_ALLOWED",
  408: "SRT_REQUEST_TIMED_OUT",
  409: "SRT_CONFLICT",
  413: "SRT_BODY_TOO_LARGE",
  414: "SRT_ADDRESS_TOO_LONG",
  415: "SRT_UNSUPPORTED_MEDIA_TYPE",
  416: "SRT_RANGE_NOT_SATISFIABLE",
  429: "SRT_RATE_LIMITED",
  431: "SRT_HEADERS_TOO_LARGE",
  503: "SRT_UNAVAILABLE",
};

/** Whatever was thrown, as one of Sartor's errors. Messages of unforeseen errors stay inside: they may hold secrets. */
export function toSartorError(thrown: unknown): SartorError {
  if (thrown instanceof SartorError) return thrown;
  const status = statusOf(thrown);
  const code = status === undefined ? undefined : CODE_OF_STATUS[status];
  if (code === undefined) {
    return new SartorError("SRT_INTERNAL", "Something failed that Sartor did not foresee.", { cause: thrown });
  }
  return new SartorError(code, (thrown as Error).message, { cause: thrown });
}

/** The body of an error reply. */
export function toErrorReply(error: SartorError, correlationId: string): ErrorReply {
  const { details, ...body } = error.toBody();
  return { error: { ...body, ...(details === undefined ? {} : { details: { ...details } }), correlationId } };
}

/** Nest's exceptions and Fastify's errors both carry a status; nothing else is believed. */
function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (!(thrown instanceof Error)) return undefined;
  const { statusCode, code } = thrown as { statusCode?: unknown; code?: unknown };
  const fromFastify = typeof code === "string" && code.startsWith("FST_");
  if (typeof statusCode !== "number") return undefined;
  return fromFastify || statusCode === 400 || statusCode === 404 ? statusCode : undefined;
}
