import { Body, Controller, Get, HttpCode, Param, Post, Query } from "@nestjs/common";
import { ApiAcceptedResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type DeviceDeploymentView,
  deviceDeploymentViewSchema,
  deviceIdSchema,
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
import { LeastRole } from "../http/index.js";
import { DEPLOYMENTS_AT_ONCE, type RolloutOrder, RolloutsService } from "./rollouts.service.js";

const listQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(20),
  cursor: ulidSchema.optional(),
});

const pageSchema = pageOf(rolloutSummarySchema).meta({ id: "RolloutPage" });

const deploymentsQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(DEPLOYMENTS_AT_ONCE).default(200),
  cursor: deviceIdSchema.optional(),
});

const deploymentPageSchema = pageOf(deviceDeploymentViewSchema).meta({ id: "DeviceDeploymentPage" });

@ApiTags("rollouts")
@Controller("api/v1/rollouts")
export class RolloutsController {
  constructor(private readonly rollouts: RolloutsService) {}

  @LeastRole("operator")
  @Post()
  @ApiOperation({ summary: "Order a rollout; it makes progress by itself" })
  @ApiCreatedResponse({ standardSchema: rolloutSummarySchema })
  create(@Body({ schema: rolloutRequestSchema }) order: RolloutOrder): Promise<RolloutSummary> {
    return this.rollouts.create(order);
  }

  @LeastRole("viewer")
  @Get()
  @ApiOperation({ summary: "All rollouts, newest first" })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(@Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>): Promise<Page<RolloutSummary>> {
    return this.rollouts.list(query.limit, query.cursor);
  }

  @LeastRole("viewer")
  @Get(":rolloutId")
  @ApiOperation({ summary: "A rollout with its first 1,000 deployments, by device id" })
  @ApiOkResponse({ standardSchema: rolloutDetailSchema })
  get(@Param("rolloutId", { schema: ulidSchema }) rolloutId: string): Promise<RolloutDetail> {
    return this.rollouts.detail(rolloutId);
  }

  @LeastRole("viewer")
  @Get(":rolloutId/deployments")
  @ApiOperation({ summary: "A rollout's deployments by device id, page by page" })
  @ApiOkResponse({ standardSchema: deploymentPageSchema })
  deployments(
    @Param("rolloutId", { schema: ulidSchema }) rolloutId: string,
    @Query({ schema: deploymentsQuerySchema }) query: z.infer<typeof deploymentsQuerySchema>,
  ): Promise<Page<DeviceDeploymentView>> {
    return this.rollouts.deployments(rolloutId, query.limit, query.cursor);
  }

  @LeastRole("operator")
  @Post(":rolloutId/cancel")
  @HttpCode(202)
  @ApiOperation({ summary: "Ask a rollout to stop; devices that succeeded keep what they have" })
  @ApiAcceptedResponse({ standardSchema: rolloutSummarySchema })
  cancel(@Param("rolloutId", { schema: ulidSchema }) rolloutId: string): Promise<RolloutSummary> {
    return this.rollouts.cancel(rolloutId);
  }
}
