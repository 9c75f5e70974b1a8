import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { SartorError } from "@sartor/shared/errors";
import { printable } from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toErrorReply, toSartorError } from "./error-reply.js";
import { setSecurityHeaders } from "./security-headers.js";

/**
 * What the router refuses before any hook or filter runs: addresses that cannot be decoded or are too long. Their text is
 * the sender's, so it is made printable.
 */
export function refuseAddress(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { code, details, message } = toSartorError(error);
  const refusal = new SartorError(code, printable(message, 256), { details, cause: error });
  setSecurityHeaders(reply);
  reply
    .status(refusal.status)
    .headers({ "x-correlation-id": request.id, "cache-control": "no-store" })
    .type("application/json; charset=utf-8")
    // A string: these replies have no serializers.
    .send(JSON.stringify(toErrorReply(refusal, request.id)));
}

/** What never became a request: broken HTTP, too many headers, a head or a body that does not come. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  // Reset by the other side, or a reply is already under way: nothing can be said.
  const current = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage;
  if (error.code === "ECONNRESET" || !socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const id = randomUUID();
  const refusal = refusalOf(error.code);
  const body = JSON.stringify(toErrorReply(refusal, id));
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    `x-correlation-id: ${id}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function refusalOf(code: string | undefined): SartorError {
  if (code === "HPE_HEADER_OVERFLOW") {
    return new SartorError("SRT_HEADERS_TOO_LARGE", "The request's headers are larger than accepted.");
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return requestTimedOut();
  return new SartorError("SRT_INVALID_REQUEST", "This is not a well-formed HTTP/1.1 request.");
}

/** The request did not arrive whole in time. */
export function requestTimedOut(): SartorError {
  return new SartorError("SRT_REQUEST_TIMED_OUT", "The request did not arrive whole in time.");
}

/** Why nothing is found: 405 with the methods that the address takes, 414, or 404. */
export function nothingAt(request: FastifyRequest, reply: FastifyReply, allowed: readonly string[]): SartorError {
  const place = printable(request.url, 256);
  if (allowed.length === 0) {
    return new SartorError("SRT_NOT_FOUND", `There is nothing at ${request.method} ${place}.`);
  }
  if (allowed.includes(request.method)) {
    // The router knows the address and did not take it: one of its parts is longer than a parameter may be.
    return new SartorError("SRT_ADDRESS_TOO_LONG", `A part of ${place} is too long.`);
  }
  reply.header("allow", allowed.join(", "));
  return new SartorError("SRT_METHOD_NOT_ALLOWED", `${place} takes ${allowed.join(", ")}, not ${request.method}.`, {
    details: { allowed },
  });
}
