import type { IncomingMessage } from "node:http";
import { Controller, Post, Req } from "@nestjs/common";
import { ApiBody, ApiConsumes, ApiCreatedResponse, ApiHeader, ApiOperation, ApiTags } from "@nestjs/swagger";
import { SartorError } from "@sartor/shared/errors";
import { LIMITS, type UploadReply, uploadReplySchema } from "@sartor/shared/protocol";
import type { FastifyRequest } from "fastify";
import { LeastRole } from "../http/index.js";
import { announcedDigest } from "./announced-digest.js";
import { BlobCatalog } from "./blob-catalog.service.js";

/** A sender of a refused body may go on this long, so that it gets to read the refusal, ms. */
const LINGER_MS = 5_000;

@ApiTags("models")
@Controller("api/v1/uploads")
export class UploadsController {
  constructor(private readonly blobs: BlobCatalog) {}

  @LeastRole("operator", "shared")
  @Post()
  @ApiOperation({ summary: "Store content under its digest; what nothing refers to is removed after a day" })
  @ApiConsumes("application/octet-stream")
  @ApiBody({ schema: { type: "string", format: "binary" } })
  @ApiHeader({ name: "X-Sartor-Digest", required: false, description: "sha256:<hex>; other content is refused" })
  @ApiHeader({ name: "Content-Digest", required: false, description: "The same, as RFC 9530 writes it" })
  @ApiCreatedResponse({ standardSchema: uploadReplySchema })
  async upload(@Req() request: FastifyRequest): Promise<UploadReply> {
    try {
      return await this.receive(request);
    } catch (error) {
      endUnfinished(request.raw);
      throw error;
    }
  }

  private receive(request: FastifyRequest): Promise<UploadReply> {
    const body = request.body as IncomingMessage | undefined;
    if (body !== request.raw) {
      throw new SartorError("SRT_UNSUPPORTED_MEDIA_TYPE", "Send the file itself, as application/octet-stream.");
    }
    if (Number(request.headers["content-length"] ?? 0) > LIMITS.uploadBytes) {
      throw new SartorError(
        "SRT_BODY_TOO_LARGE",
        `The upload has ${request.headers["content-length"]} bytes; at most ${LIMITS.uploadBytes} are accepted.`,
        { details: { maximumBytes: LIMITS.uploadBytes } },
      );
    }
    const expectedDigest = announcedDigest(request.headers);
    return this.blobs.put(
      // Without this the loop's end would cut the connection before the reply.
      body.iterator({ destroyOnReturn: false }),
      { maximumBytes: LIMITS.uploadBytes, ...(expectedDigest === undefined ? {} : { expectedDigest }) },
    );
  }
}

/** Lets the rest of a refused body run into the void for a while, then hangs up. */
function endUnfinished(message: IncomingMessage): void {
  if (message.complete) return;
  message.resume();
  setTimeout(() => {
    if (!message.complete) message.socket.destroy();
  }, LINGER_MS).unref();
}
