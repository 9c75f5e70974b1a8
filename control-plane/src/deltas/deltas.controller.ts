import { Controller, Get, Param, Query, Req, Res } from "@nestjs/common";
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiConflictResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from "@nestjs/swagger";
import {
  DELTA_MEDIA_TYPE,
  DELTA_OFFER,
  type Digest,
  deltaPendingSchema,
  deltaQuerySchema,
  digestSchema,
  errorReplySchema,
} from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { BundlesService, RangedResponses, sendContent } from "../bundles/index.js";
import { CurrentDevice, DeviceRoute } from "../http/index.js";
import { DeltaMetrics } from "./delta-metrics.js";
import { DeltasService } from "./deltas.service.js";

@ApiTags("bundles")
@ApiBearerAuth("device")
@DeviceRoute()
@Controller("api/v1/bundles")
export class DeltasController {
  constructor(
    private readonly deltas: DeltasService,
    private readonly bundles: BundlesService,
    private readonly metrics: DeltaMetrics,
  ) {}

  @Get(":bundleId/files/:digest/delta")
  @ApiOperation({
    summary: `What changed from files that a device holds (base, at most ${DELTA_OFFER.bases}, sorted) to a file of a bundle`,
  })
  @ApiHeader({ name: "Range", required: false })
  @ApiResponse({ status: 200, content: { [DELTA_MEDIA_TYPE]: { schema: { type: "string", format: "binary" } } } })
  @ApiAcceptedResponse({
    standardSchema: deltaPendingSchema,
    description: "It waits or is being made: ask again after Retry-After, or fetch chunks now",
    headers: { "Retry-After": { schema: { type: "integer" } } },
  })
  @ApiNotFoundResponse({
    standardSchema: errorReplySchema,
    description: "SRT_BUNDLE_UNKNOWN; SRT_BLOB_UNKNOWN: details.digests are no files here",
  })
  @ApiConflictResponse({ standardSchema: errorReplySchema, description: "SRT_DELTA_NOT_OFFERED: fetch chunks" })
  @RangedResponses(DELTA_MEDIA_TYPE)
  async delta(
    @Param("bundleId", { schema: digestSchema }) bundleId: Digest,
    @Param("digest", { schema: digestSchema }) file: Digest,
    @Query({ schema: deltaQuerySchema }) { base: bases }: z.output<typeof deltaQuerySchema>,
    @CurrentDevice() deviceId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const answer = await this.deltas.offer({ bundleId, file, bases, deviceId });
    if (answer.kind === "pending") {
      const { pending } = answer;
      const retry = { "retry-after": String(pending.retryAfterSeconds), "cache-control": "no-store" };
      await reply.status(202).headers(retry).send(pending);
      return;
    }
    const { digest, bytes: totalBytes, savedBytes } = answer;
    const open = (range: Parameters<BundlesService["open"]>[1]) => this.bundles.open(digest, range);
    const sent = await sendContent({ digest, totalBytes, contentType: DELTA_MEDIA_TYPE, open }, request, reply);
    if (sent?.start === 0) this.metrics.savedBytes.inc(Math.max(0, savedBytes));
  }
}
