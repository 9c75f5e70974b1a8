import { randomUUID } from "node:crypto";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { LIMITS } from "@sartor/shared/protocol";
import type { FastifyInstance } from "fastify";
import { setSecurityHeaders } from "./dashboard-site.js";
import type { Metrics } from "./metrics.js";

/** Longest time that a client may take to send a request's head, ms. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longest time that a client may take to send a whole request, ms: a 512 MiB upload over a slow line. */
const REQUEST_TIMEOUT_MS = 30 * 60_000;

/** Fastify with the limits that hold for every route. */
export function createHttpAdapter(options: { trustProxy: boolean }): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: LIMITS.jsonBodyBytes,
    trustProxy: options.trustProxy,
    genReqId: () => randomUUID(),
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 256 },
  });
  return adapter;
}

/** Content types, headers and measurements for every route; called before the routes are made. */
export function prepareHttp(fastify: FastifyInstance, metrics: Metrics): void {
  // JSON is parsed by Fastify itself; files arrive as a stream that the route reads and bounds.
  fastify.removeContentTypeParser("text/plain");
  fastify.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
  fastify.addHook("onRequest", async (request, reply) => {
    setSecurityHeaders(reply);
    reply.header("x-correlation-id", request.id);
  });
  fastify.addHook("onResponse", async (request, reply) => {
    metrics.httpDuration.observe(
      {
        method: request.method,
        route: request.routeOptions.url ?? "(none)",
        status: String(reply.statusCode),
      },
      reply.elapsedTime / 1_000,
    );
  });
}
