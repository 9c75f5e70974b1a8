import { Controller, Get, Param, Query } from "@nestjs/common";
import { ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import { deviceIdSchema, type TelemetryReply, telemetryReplySchema, timestampSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { Clock } from "../config/index.js";
import { LeastRole } from "../http/index.js";
import { TelemetryService } from "./telemetry.service.js";

const HOUR_MS = 3_600_000;
/** A device's clock may be ahead of ours; without an end, its newest windows still count. */
const END_OF_TIME = 8_640_000_000_000_000;

const time = z.coerce.number().pipe(timestampSchema);
const querySchema = z
  .object({
    from: time.optional().meta({ description: "Start, ms since 1970; an hour ago by default" }),
    to: time.optional().meta({ description: "End, ms since 1970; open by default" }),
    limit: z.coerce.number().int().min(1).max(5_000).default(1_000),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, "from lies after to");

@ApiTags("telemetry")
@Controller("api/v1/devices")
export class TelemetryController {
  constructor(
    private readonly telemetry: TelemetryService,
    private readonly clock: Clock,
  ) {}

  @LeastRole("viewer", "device")
  @Get(":deviceId/telemetry")
  @ApiOperation({ summary: "A device's windows in a range of time, with quantiles, and how many are missing" })
  @ApiOkResponse({ standardSchema: telemetryReplySchema })
  query(
    @Param("deviceId", { schema: deviceIdSchema }) deviceId: string,
    @Query({ schema: querySchema }) query: z.infer<typeof querySchema>,
  ): Promise<TelemetryReply> {
    const to = query.to ?? END_OF_TIME;
    const from = query.from ?? Math.max(0, Math.min(this.clock.now(), to) - HOUR_MS);
    return this.telemetry.query(deviceId, from, to, query.limit);
  }
}
