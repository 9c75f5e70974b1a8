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
import { CurrentPerson, LeastRole, type Person } from "../http/index.js";
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

  @LeastRole("operator", "scoped")
  @Post()
  @ApiOperation({ summary: "Order a rollout; it makes progress by itself" })
  @ApiCreatedResponse({ standardSchema: rolloutSummarySchema })
  create(
    @Body({ schema: rolloutRequestSchema }) order: RolloutOrder,
    @CurrentPerson() person: Person,
  ): Promise<RolloutSummary> {
    return this.rollouts.create(order, person);
  }

  @LeastRole("viewer", "scoped")
  @Get()
  @ApiOperation({
    summary:
      "All rollouts, newest first; those that have devices of the groups that the credential is for, with these devices only",
  })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(
    @Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>,
    @CurrentPerson() { groups }: Person,
  ): Promise<Page<RolloutSummary>> {
    return this.rollouts.list(groups, query.limit, query.cursor);
  }

  @LeastRole("viewer", "scoped")
  @Get(":rolloutId")
  @ApiOperation({ summary: "A rollout with its first 1,000 deployments, by device id" })
  @ApiOkResponse({ standardSchema: rolloutDetailSchema })
  get(
    @Param("rolloutId", { schema: ulidSchema }) rolloutId: string,
    @CurrentPerson() { groups }: Person,
  ): Promise<RolloutDetail> {
    return this.rollouts.detail(rolloutId, groups);
  }

  @LeastRole("viewer", "scoped")
  @Get(":rolloutId/deployments")
  @ApiOperation({ summary: "A rollout's deployments by device id, page by page" })
  @ApiOkResponse({ standardSchema: deploymentPageSchema })
  deployments(
    @Param("rolloutId", { schema: ulidSchema }) rolloutId: string,
    @Query({ schema: deploymentsQuerySchema }) query: z.infer<typeof deploymentsQuerySchema>,
    @CurrentPerson() { groups }: Person,
  ): Promise<Page<DeviceDeploymentView>> {
    return this.rollouts.deployments(rolloutId, groups, query.limit, query.cursor);
  }

  @LeastRole("operator", "scoped")
  @Post(":rolloutId/cancel")
  @HttpCode(202)
  @ApiOperation({ summary: "Ask a rollout to stop; devices that succeeded keep what they have" })
  @ApiAcceptedResponse({ standardSchema: rolloutSummarySchema })
  cancel(
    @Param("rolloutId", { schema: ulidSchema }) rolloutId: string,
    @CurrentPerson() person: Person,
  ): Promise<RolloutSummary> {
    return this.rollouts.cancel(rolloutId, person);
  }
}
