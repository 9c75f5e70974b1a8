import { Body, Controller, Get, HttpCode, Param, Post, Query } from "@nestjs/common";
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type Page,
  pageOf,
  type RolloutDetail,
  type RolloutSummary,
  rolloutDetailSchema,
  rolloutRequestSchema,
  rolloutSummarySchema,
  ulidSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { type RolloutOrder, RolloutsService } from "./rollouts.service.js";

const listQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: ulidSchema.optional(),
});

const pageSchema = pageOf(rolloutSummarySchema).meta({ id: "RolloutPage" });

@ApiTags("rollouts")
@Controller("api/v1/rollouts")
export class RolloutsController {
  constructor(private readonly rollouts: RolloutsService) {}

  @Post()
  @ApiOperation({ summary: "Order a rollout; it makes progress by itself" })
  @ApiCreatedResponse({ standardSchema: rolloutSummarySchema })
  create(@Body({ schema: rolloutRequestSchema }) order: RolloutOrder): Promise<RolloutSummary> {
    return this.rollouts.create(order);
  }

  @Get()
  @ApiOperation({ summary: "All rollouts, newest first" })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(@Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>): Promise<Page<RolloutSummary>> {
    return this.rollouts.list(query.limit, query.cursor);
  }

  @Get(":rolloutId")
  @ApiOperation({ summary: "A rollout with its deployments" })
  @ApiOkResponse({ standardSchema: rolloutDetailSchema })
  get(@Param("rolloutId", { schema: ulidSchema }) rolloutId: string): Promise<RolloutDetail> {
    return this.rollouts.detail(rolloutId);
  }

  @Post(":rolloutId/cancel")
  @HttpCode(202)
  @ApiOperation({ summary: "Ask a rollout to stop; devices that succeeded keep what they have" })
  @ApiOkResponse({ standardSchema: rolloutSummarySchema })
  cancel(@Param("rolloutId", { schema: ulidSchema }) rolloutId: string): Promise<RolloutSummary> {
    return this.rollouts.cancel(rolloutId);
  }
}
