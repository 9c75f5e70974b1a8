import { Controller, Get, Param, Req, Res } from "@nestjs/common";
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from "@nestjs/swagger";
import { bundleManifestSchema, type Digest, digestSchema } from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { DeviceRoute } from "../http/index.js";
import type { ByteRange } from "../storage/index.js";
import { BundlesService } from "./bundles.service.js";
import { RangedResponses, sendContent } from "./send-content.js";

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
    const open = (range: ByteRange | undefined) => this.bundles.open(digest, range);
    await sendContent({ digest, totalBytes, contentType, open }, request, reply);
  }
}
