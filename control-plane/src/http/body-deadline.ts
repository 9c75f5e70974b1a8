import type { FastifyReply, FastifyRequest } from "fastify";
import { toErrorReply } from "./error-reply.js";
import { requestTimedOut } from "./refusals.js";

/** Longest time for a whole request, ms: a stranger's slow body may not hold a connection. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** The same for an authenticated upload, ms: 512 MiB over a slow line. */
export const UPLOAD_TIMEOUT_MS = 30 * 60_000;

const deadlines = new WeakMap<FastifyRequest, NodeJS.Timeout>();

/** Gives a request a minute from its head to the end of its body; called for each request before its body is read. */
export function startBodyDeadline(request: FastifyRequest, reply: FastifyReply, milliseconds: number): void {
  if (request.raw.complete) return;
  const timer = setTimeout(() => refuseSlow(request, reply), milliseconds).unref();
  deadlines.set(request, timer);
}

/** A file that an operator sends may take longer: called once the sender is known, when the body is left to the route as a stream. */
export function allowLongUpload(request: FastifyRequest): void {
  if (request.body === request.raw) endBodyDeadline(request);
}

export function endBodyDeadline(request: FastifyRequest): void {
  clearTimeout(deadlines.get(request));
  deadlines.delete(request);
}

function refuseSlow(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.complete || request.raw.destroyed) return;
  const { socket } = request.raw;
  if (reply.sent || reply.raw.headersSent) {
    socket.destroy();
    return;
  }
  const error = requestTimedOut();
  reply.hijack();
  reply.raw.on("finish", () => socket.destroy());
  reply.raw.writeHead(error.status, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-correlation-id": request.id,
    connection: "close",
  });
  reply.raw.end(JSON.stringify(toErrorReply(error, request.id)));
}
