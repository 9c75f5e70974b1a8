import type { ErrorCode, ErrorCodeEntry } from "@sartor/shared/errors";

/** The table of error codes, put in as data by vite.config.ts; it is not there when a module runs outside of a build. */
declare const SARTOR_ERROR_TEXTS: Readonly<Record<string, ErrorCodeEntry>>;

const TEXTS = new Map(typeof SARTOR_ERROR_TEXTS === "undefined" ? [] : Object.entries(SARTOR_ERROR_TEXTS));

/** An error as the page shows it: a stable code, what happened, and what the reader can do. */
export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly correlationId?: string | undefined;
}

/** A request that failed: with the server's own code, or `NETWORK` when no answer came at all. */
export class ApiError extends Error implements ShownError {
  readonly code: string;
  readonly status: number;
  readonly correlationId: string | undefined;

  constructor(status: number, code: string, message: string, correlationId?: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.correlationId = correlationId;
  }
}

interface LooseReply {
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly correlationId?: unknown };
}

/** Builds the error of a reply; one that is not Sartor's (a proxy's page) keeps its HTTP status as code. */
export function errorOfReply(status: number, body: unknown): ApiError {
  const error = typeof body === "object" && body !== null ? (body as LooseReply).error : undefined;
  if (typeof error?.code === "string" && typeof error.message === "string") {
    const correlationId = typeof error.correlationId === "string" ? error.correlationId : undefined;
    return new ApiError(status, error.code, error.message, correlationId);
  }
  return new ApiError(status, `HTTP_${status}`, `The server answered with HTTP status ${status}.`);
}

/** Builds the error of a request that got no answer. */
export function errorOfFailure(failure: unknown): ApiError {
  if (failure instanceof ApiError) return failure;
  const timedOut = failure instanceof Error && failure.name === "TimeoutError";
  return new ApiError(
    0,
    timedOut ? "TIMEOUT" : "NETWORK",
    timedOut ? "The control plane did not answer in time." : "The control plane cannot be reached.",
  );
}

/** One of Sartor's errors with the sentence that it always has. */
export function knownError(code: ErrorCode): ShownError {
  return { code, message: TEXTS.get(code)?.meaning ?? "" };
}

/** What the reader can do about a code; undefined for codes this page does not know. */
export function actionOf(code: string): string | undefined {
  const known = TEXTS.get(code);
  if (known !== undefined) return known.action;
  if (code === "NETWORK" || code === "TIMEOUT")
    return "Check that the control plane runs; this page tries again by itself.";
  return undefined;
}
