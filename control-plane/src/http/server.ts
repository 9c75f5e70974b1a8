import { randomUUID } from "node:crypto";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { LIMITS } from "@sartor/shared/protocol";
import type { FastifyInstance } from "fastify";
import { endBodyDeadline, REQUEST_TIMEOUT_MS, startBodyDeadline, UPLOAD_TIMEOUT_MS } from "./body-deadline.js";
import { refusePagesToDevices } from "./device-listener.js";
import type { Metrics } from "./metrics.js";
import { refuseAddress, refuseConnection } from "./refusals.js";
import { RouteTable } from "./route-table.js";
import { setSecurityHeaders } from "./security-headers.js";

/** Longest time that a client may take to send a request's head, ms. */
const HEADERS_TIMEOUT_MS = 15_000;
/** How often both are looked after, ms. */
const TIMEOUT_CHECK_MS = 5_000;

declare module "fastify" {
  interface FastifyInstance {
    /** Which methods each address takes. */
    routeTable: RouteTable;
  }
}

/** What a person or a test may choose of the server. */
export interface HttpOptions {
  readonly trustProxy: boolean;
  /** Most connections at once. */
  readonly maximumConnections: number;
}

/** Fastify with the limits that hold for every route. */
export function createHttpAdapter(options: HttpOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: LIMITS.jsonBodyBytes,
    trustProxy: options.trustProxy,
    genReqId: () => randomUUID(),
    // The longest that any request may take; what is shorter is held by each request's own deadline.
    requestTimeout: UPLOAD_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: TIMEOUT_CHECK_MS },
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: refuseAddress,
    clientErrorHandler: refuseConnection,
  });
  adapter.getInstance().server.maxConnections = options.maximumConnections;
  return adapter;
}

/** Content types, headers, deadlines and measurements for every route; called before the routes are made. */
export function prepareHttp(fastify: FastifyInstance, metrics: Metrics, requestTimeoutMs = REQUEST_TIMEOUT_MS): void {
  const routeTable = new RouteTable();
  fastify.decorate("routeTable", routeTable);
  fastify.addHook("onRoute", ({ method, url }) => routeTable.add(method, url));
  // JSON is parsed by Fastify itself; files arrive as a stream that the route reads and bounds.
  fastify.removeContentTypeParser("text/plain");
  fastify.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
  fastify.addHook("onRequest", async (request, reply) => {
    setSecurityHeaders(reply);
    reply.header("x-correlation-id", request.id);
    refusePagesToDevices(request);
    startBodyDeadline(request, reply, requestTimeoutMs);
  });
  fastify.addHook("onResponse", async (request, reply) => {
    endBodyDeadline(request);
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
