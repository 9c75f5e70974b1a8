import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query } from "@nestjs/common";
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type DeviceChange,
  type DeviceDetail,
  type DeviceEventsReply,
  type DeviceSummary,
  deviceChangeSchema,
  deviceDetailSchema,
  deviceEventsReplySchema,
  deviceIdSchema,
  deviceSummarySchema,
  groupNameSchema,
  type Page,
  pageOf,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { requireGroups } from "../auth/index.js";
import { CurrentPerson, LeastRole, type Person } from "../http/index.js";
import { EVENTS_KEPT } from "./device-events.repository.js";
import { DevicesService } from "./devices.service.js";

const listQuerySchema = z.object({
  presence: z.enum(["online", "offline", "never_seen"]).optional(),
  text: z.string().max(256).optional(),
  group: groupNameSchema.optional(),
  cursor: deviceIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
const eventsQuerySchema = z.object({ limit: z.coerce.number().int().min(1).max(EVENTS_KEPT).default(EVENTS_KEPT) });
const devicePageSchema = pageOf(deviceSummarySchema).meta({ id: "DevicePage" });

@ApiTags("devices")
@Controller("api/v1/devices")
export class DevicesController {
  constructor(private readonly devices: DevicesService) {}

  @LeastRole("viewer", "scoped")
  @Get()
  @ApiOperation({ summary: "List devices by id; filter by presence, by group, and by a part of name, id or board" })
  @ApiOkResponse({ standardSchema: devicePageSchema })
  list(
    @Query({ schema: listQuerySchema }) query: z.output<typeof listQuerySchema>,
    @CurrentPerson() { groups }: Person,
  ): Promise<Page<DeviceSummary>> {
    const { cursor, ...filter } = query;
    return this.devices.list({ ...filter, scope: groups, after: cursor });
  }

  @LeastRole("viewer", "device")
  @Get(":deviceId")
  @ApiOperation({ summary: "All that is known of a device" })
  @ApiOkResponse({ standardSchema: deviceDetailSchema })
  detail(@Param("deviceId") deviceId: string): Promise<DeviceDetail> {
    return this.devices.detail(deviceId);
  }

  @LeastRole("viewer", "device")
  @Get(":deviceId/events")
  @ApiOperation({ summary: `What a device told its operators, newest first; the newest ${EVENTS_KEPT} are kept` })
  @ApiOkResponse({ standardSchema: deviceEventsReplySchema })
  eventsOf(
    @Param("deviceId") deviceId: string,
    @Query({ schema: eventsQuerySchema }) query: z.output<typeof eventsQuerySchema>,
  ): Promise<DeviceEventsReply> {
    return this.devices.eventsOf(deviceId, query.limit);
  }

  @LeastRole("operator", "device")
  @Patch(":deviceId")
  @ApiOperation({ summary: "Change a device's name, or move it into another group" })
  @ApiOkResponse({ standardSchema: deviceDetailSchema })
  async change(
    @Param("deviceId") deviceId: string,
    @Body({ schema: deviceChangeSchema }) body: DeviceChange,
    @CurrentPerson() person: Person,
  ): Promise<DeviceDetail> {
    if (body.group !== undefined) requireGroups(person, [body.group]);
    return this.devices.change(deviceId, body);
  }

  @LeastRole("admin", "device")
  @Delete(":deviceId")
  @HttpCode(204)
  @ApiOperation({ summary: "Remove a device: its credential ends at once, its live session too" })
  @ApiNoContentResponse()
  async delete(@Param("deviceId") deviceId: string): Promise<void> {
    await this.devices.delete(deviceId);
  }
}
