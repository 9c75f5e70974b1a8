import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toErrorReply, toSartorError } from "./error-reply.js";
import { nothingAt } from "./refusals.js";

/** The one place where errors become HTTP: `{ error: { code, message, details?, correlationId } }`. */
@Catch()
export class SartorExceptionFilter implements ExceptionFilter {
  readonly #logger = new Logger("HTTP");

  catch(thrown: unknown, host: ArgumentsHost): void {
    if (host.getType() !== "http") throw thrown;
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const request = http.getRequest<FastifyRequest>();
    // Nest's own handler for addresses without a route throws what says nothing of the methods.
    const error = request.is404
      ? nothingAt(request, reply, request.server.routeTable.methodsOf(request.url))
      : toSartorError(thrown);
    if (error.status >= 500) {
      const cause = error.cause ?? thrown;
      this.#logger.error(
        `${request.method} ${request.url} failed (${error.code}, correlation id ${request.id}): ${describe(cause)}`,
        cause instanceof Error ? cause.stack : undefined,
      );
    }
    if (reply.sent || reply.raw.headersSent) {
      // The reply has begun: it cannot become an error any more, so it must not look complete either.
      reply.raw.destroy();
      return;
    }
    const retryAfter = error.details?.retryAfterSeconds;
    if (typeof retryAfter === "number") reply.header("retry-after", String(retryAfter));
    reply.status(error.status).header("cache-control", "no-store").send(toErrorReply(error, request.id));
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
