import { applyDecorators, Controller, Get, Param, Req, Res } from "@nestjs/common";
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from "@nestjs/swagger";
import { SartorError } from "@sartor/shared/errors";
import { bundleManifestSchema, type Digest, digestSchema, errorReplySchema } from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { DeviceRoute } from "../http/index.js";
import { BundlesService } from "./bundles.service.js";
import { parseByteRange } from "./byte-range.js";

/** Content under its own digest never changes, so any cache on the way may keep it. */
const FOR_EVER = "public, max-age=31536000, immutable";

/** What else the answer to a request of content may be. */
function RangedResponses(contentType: string): MethodDecorator {
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

@ApiTags("bundles")
@ApiBearerAuth("device")
@DeviceRoute()
@Controller("api/v1")
export class BundlesController {
  constructor(private readonly bundles: BundlesService) {}

  @Get("bundles/:bundleId/manifest")
  @ApiOperation({ summary: "A bundle's manifest; the SHA-256 of these exact bytes is the bundle's id" })
  @ApiOkResponse({ standardSchema: bundleManifestSchema })
  @ApiHeader({ name: "Range", required: false })
  @RangedResponses("application/json")
  async manifest(
    @Param("bundleId", { schema: digestSchema }) bundleId: Digest,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { manifestBytes } = await this.bundles.get(bundleId);
    await this.send(bundleId, manifestBytes, "application/json", request, reply);
  }

  @Get("chunks/:digest")
  @ApiOperation({ summary: "One chunk of a bundle's file; ranges resume a broken transfer" })
  @ApiHeader({ name: "Range", required: false })
  @ApiResponse({
    status: 200,
    content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
  })
  @RangedResponses("application/octet-stream")
  async chunk(
    @Param("digest", { schema: digestSchema }) digest: Digest,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.send(digest, await this.bundles.sizeOf(digest), "application/octet-stream", request, reply);
  }

  private async send(
    digest: Digest,
    totalBytes: number,
    contentType: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const etag = `"${digest}"`;
    if (
      request.headers["if-none-match"]?.split(",").some((tag) => [etag, "*"].includes(tag.trim().replace(/^W\//, "")))
    ) {
      await reply.status(304).headers({ etag, "cache-control": FOR_EVER }).send();
      return;
    }
    // A range of content that the client holds under another name would not fit what it has (RFC 9110, section 13.1.5).
    const ifRange = request.headers["if-range"];
    const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
    const range = parseByteRange(wanted, totalBytes);
    if (range.kind === "unsatisfiable") {
      reply.header("content-range", `bytes */${totalBytes}`);
      throw new SartorError(
        "SRT_RANGE_NOT_SATISFIABLE",
        `The content has ${totalBytes} bytes; "${wanted}" lies outside.`,
        {
          details: { totalBytes },
        },
      );
    }
    const part = range.kind === "part" ? { start: range.start, end: range.end } : undefined;
    const stream = await this.bundles.open(digest, part);
    reply.headers({
      etag,
      "accept-ranges": "bytes",
      "cache-control": FOR_EVER,
      "content-type": contentType,
      "content-length": String(part === undefined ? totalBytes : part.end - part.start + 1),
    });
    if (part !== undefined) reply.header("content-range", `bytes ${part.start}-${part.end}/${totalBytes}`);
    await reply.status(part === undefined ? 200 : 206).send(stream);
  }
}
