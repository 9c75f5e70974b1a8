import { existsSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import { SartorError } from "@sartor/shared/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { toErrorReply } from "./error-reply.js";
import { nothingAt } from "./refusals.js";

/** Paths that are never a page of the dashboard. */
const NOT_PAGES = /^\/(api|metrics)(\/|$)/;
/** File names with a content hash, which never change, e.g. `app-3f2a9c1b.js`. */
const HASHED = /-[A-Za-z0-9_-]{8,}\.(js|css|woff2|svg|png)$/;

/**
 * Serves the built dashboard: its files by name, its one page for every other path, so that a page's address can be
 * opened directly. Unknown paths under `/api` get the same error as any other unknown route.
 */
export async function serveDashboard(fastify: FastifyInstance, folder: string): Promise<void> {
  const built = existsSync(join(folder, "index.html"));
  if (built) {
    await fastify.register(fastifyStatic, {
      root: folder,
      serve: false,
      cacheControl: false,
      setHeaders: (reply, path) => {
        reply.header("cache-control", HASHED.test(path) ? "public, max-age=31536000, immutable" : "no-cache");
      },
    });
  }
  fastify.get("/*", async (request: FastifyRequest, reply: FastifyReply) => {
    const path = decodedPath(request.url);
    if (!built || path === undefined || NOT_PAGES.test(path)) return refuse(request, reply, built);
    const isFile = /\.[a-z0-9]+$/i.test(path);
    return reply.sendFile(isFile ? path.slice(1) : "index.html");
  });
}

/** The path of a request; undefined when it is malformed or climbs. */
function decodedPath(url: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(url, "http://localhost").pathname);
    return path.split(/[/\\]/).includes("..") || path.includes("\0") ? undefined : path;
  } catch {
    return undefined;
  }
}

function refuse(request: FastifyRequest, reply: FastifyReply, built: boolean): FastifyReply {
  const error =
    built || NOT_PAGES.test(request.url)
      ? nothingAt(request, reply, request.server.routeTable.methodsOf(request.url))
      : new SartorError("SRT_NOT_FOUND", "The dashboard is not built: run npm run build.");
  return reply.status(error.status).header("cache-control", "no-store").send(toErrorReply(error, request.id));
}
