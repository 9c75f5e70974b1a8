import type { IncomingMessage, ServerResponse } from "node:http";
import { SartorError } from "@sartor/shared/errors";
import { HTTP_LIMITS } from "./http-limits.js";

/** What a route gives back. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces of the body, in order. */
  readonly body: readonly Uint8Array[];
}

/** An answer in JSON. */
export function jsonAnswer(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: [Buffer.from(JSON.stringify(value))],
  };
}

/** The answer to an error: the protocol wants `error` to be a sentence; `code` is Sartor's. */
export function errorAnswer(thrown: unknown, fields: Readonly<Record<string, unknown>> = {}): Answer {
  const error = SartorError.from(thrown);
  const details = error.details === undefined ? {} : { details: error.details };
  const headers: Record<string, string> = {};
  if (error.status === 503 || error.status === 429) headers["retry-after"] = "1";
  const allow = error.details?.allow;
  if (error.status === 405 && typeof allow === "string") headers.allow = allow;
  return jsonAnswer({ ...fields, error: error.message, code: error.code, ...details }, error.status, headers);
}

/** Writes an answer. A request whose body was not read to its end is answered and then cut off, see {@link cutOff}. */
export function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const unread = !request.complete && (request.headers["content-length"] ?? "0") !== "0";
  const chunked = !request.complete && request.headers["transfer-encoding"] !== undefined;
  const bytes = answer.body.reduce((sum, piece) => sum + piece.byteLength, 0);
  const cut = unread || chunked;
  response.writeHead(answer.status, {
    ...answer.headers,
    "content-length": bytes,
    ...(cut ? { connection: "close" } : {}),
  });
  response.cork();
  if (request.method !== "HEAD") for (const piece of answer.body) response.write(piece);
  response.uncork();
  if (cut) cutOff(request, response);
  else response.end();
}

/**
 * Ends a connection whose request is still being sent. Closing at once would reset it, and most clients would then report
 * the reset and not the answer; so what comes is thrown away for a moment, bounded in time and bytes.
 */
function cutOff(request: IncomingMessage, response: ServerResponse): void {
  const end = () => {
    clearTimeout(timer);
    request.off("data", discard);
    response.end();
    request.socket.destroySoon();
  };
  let discarded = 0;
  const discard = (chunk: Uint8Array) => {
    discarded += chunk.byteLength;
    if (discarded > HTTP_LIMITS.lingerBytes) end();
  };
  const timer = setTimeout(end, HTTP_LIMITS.lingerMs);
  request.on("data", discard);
  request.once("end", end);
  request.once("error", end);
  request.socket.once("close", () => clearTimeout(timer));
}
