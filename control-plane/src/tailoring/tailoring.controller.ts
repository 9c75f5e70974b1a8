import { Body, Controller, Get, HttpCode, Param, Post, Query } from "@nestjs/common";
import { ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type FirmwareProfileView,
  firmwareProfilesReplySchema,
  modelNameSchema,
  modelVersionSchema,
  type Page,
  pageOf,
  type TailoringPlan,
  type TuningMeasurement,
  tailoringPlanRequestSchema,
  tailoringPlanSchema,
  tuningMeasurementSchema,
  ulidSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { DeviceGroups } from "../auth/index.js";
import { ChangesNothing, CurrentPerson, LeastRole, type Person } from "../http/index.js";
import { type PlanOrder, TailoringService } from "./tailoring.service.js";

const measurementsQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: ulidSchema.optional(),
});
const measurementPageSchema = pageOf(tuningMeasurementSchema).meta({ id: "TuningMeasurementPage" });

@ApiTags("tailoring")
@Controller("api/v1")
export class TailoringController {
  constructor(
    private readonly tailoring: TailoringService,
    private readonly groups: DeviceGroups,
  ) {}

  @ChangesNothing()
  @LeastRole("viewer", "scoped")
  @Post("tailoring/plans")
  @HttpCode(200)
  @ApiOperation({
    summary: "Which variant a device, or the hardware of a firmware profile, would get and why; changes nothing",
  })
  @ApiOkResponse({ standardSchema: tailoringPlanSchema })
  async plan(
    @Body({ schema: tailoringPlanRequestSchema }) order: PlanOrder,
    @CurrentPerson() person: Person,
  ): Promise<TailoringPlan> {
    if ("deviceId" in order.device) await this.groups.requireSees(person.groups, order.device.deviceId);
    return this.tailoring.plan(order);
  }

  @LeastRole("viewer", "shared")
  @Get("firmware-profiles")
  @ApiOperation({ summary: "All firmware profiles, by id" })
  @ApiOkResponse({ standardSchema: firmwareProfilesReplySchema })
  profiles(): { profiles: FirmwareProfileView[] } {
    return { profiles: this.tailoring.firmwareProfiles() };
  }

  @LeastRole("viewer", "shared")
  @Get("models/:name/versions/:version/measurements")
  @ApiOperation({ summary: "What devices measured of a version, newest first" })
  @ApiOkResponse({ standardSchema: measurementPageSchema })
  measurements(
    @Param("name", { schema: modelNameSchema }) name: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
    @Query({ schema: measurementsQuerySchema }) query: z.output<typeof measurementsQuerySchema>,
  ): Promise<Page<TuningMeasurement>> {
    return this.tailoring.measurementsOf(name, version, query.limit, query.cursor);
  }
}
