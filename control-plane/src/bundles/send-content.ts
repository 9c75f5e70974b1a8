import { Readable } from "node:stream";
import { applyDecorators } from "@nestjs/common";
import { ApiHeader, ApiResponse } from "@nestjs/swagger";
import { SartorError } from "@sartor/shared/errors";
import { type Digest, errorReplySchema, parseByteRange } from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ByteRange } from "../storage/index.js";

/** Content under its own digest never changes, so any cache on the way may keep it. */
const FOR_EVER = "public, max-age=31536000, immutable";

/** Content that never changes, as a reply. */
export interface ServedContent {
  /** Of the content: its strong ETag. */
  readonly digest: Digest;
  readonly totalBytes: number;
  readonly contentType: string;
  readonly open: (range: ByteRange | undefined) => Promise<Readable>;
}

/** What else the answer to a request of content may be. */
export function RangedResponses(contentType: string): MethodDecorator {
  return applyDecorators(
    ApiHeader({ name: "If-Range", required: false, description: "The ETag; the range counts only if it still fits" }),
    ApiHeader({ name: "If-None-Match", required: false }),
    ApiResponse({
      status: 206,
      description: "The range asked for",
      content: { [contentType]: { schema: { type: "string", format: "binary" } } },
      headers: { "Content-Range": { schema: { type: "string" } } },
    }),
    ApiResponse({ status: 304, description: "The client holds it: If-None-Match names its digest" }),
    ApiResponse({
      status: 416,
      description: "SRT_RANGE_NOT_SATISFIABLE: the range lies outside the content",
      standardSchema: errorReplySchema,
      headers: { "Content-Range": { schema: { type: "string" }, description: "bytes */total" } },
    }),
  );
}

/**
 * Answers a GET or HEAD of content (RFC 9110, sections 13 and 14): whole, a range of it, or that the client holds it.
 *
 * @returns how many bytes go out, and from where; undefined where none do
 * @throws SartorError SRT_RANGE_NOT_SATISFIABLE
 */
export async function sendContent(
  content: ServedContent,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<{ start: number; bytes: number } | undefined> {
  const { digest, totalBytes } = content;
  const etag = `"${digest}"`;
  if (holdsAlready(request.headers["if-none-match"], etag)) {
    await reply.status(304).headers({ etag, "cache-control": FOR_EVER }).send();
    return undefined;
  }
  const part = rangeOf(request, reply, etag, totalBytes);
  const bytes = part === undefined ? totalBytes : part.end - part.start + 1;
  // Nothing is read for those who ask for the head alone.
  const stream = request.method === "HEAD" ? Readable.from([]) : await content.open(part);
  reply.headers({
    etag,
    "accept-ranges": "bytes",
    "cache-control": FOR_EVER,
    "content-type": content.contentType,
    "content-length": String(bytes),
  });
  if (part !== undefined) reply.header("content-range", `bytes ${part.start}-${part.end}/${totalBytes}`);
  await reply.status(part === undefined ? 200 : 206).send(stream);
  return request.method === "HEAD" ? undefined : { start: part?.start ?? 0, bytes };
}

/** Weak comparison, as section 13.1.2 asks for. */
function holdsAlready(header: string | undefined, etag: string): boolean {
  return header?.split(",").some((tag) => [etag, "*"].includes(tag.trim().replace(/^W\//, ""))) ?? false;
}

/** The range that is to be sent; undefined for the whole. */
function rangeOf(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  totalBytes: number,
): ByteRange | undefined {
  // A range of content that the client holds under another name would not fit what it has (section 13.1.5), and only GET has ranges (14.2).
  const ifRange = request.headers["if-range"];
  const counts = request.method === "GET" && (ifRange === undefined || ifRange === etag);
  const wanted = counts ? request.headers.range : undefined;
  const range = parseByteRange(wanted, totalBytes);
  if (range.kind === "whole") return undefined;
  if (range.kind === "part") return { start: range.start, end: range.end };
  reply.header("content-range", `bytes */${totalBytes}`);
  throw new SartorError("SRT_RANGE_NOT_SATISFIABLE", `The content has ${totalBytes} bytes; "${wanted}" lies outside.`, {
    details: { totalBytes },
  });
}
