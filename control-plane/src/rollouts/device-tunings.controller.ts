import { Body, Controller, HttpCode, Param, Post } from "@nestjs/common";
import { ApiAcceptedResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import { type TuningView, tuningRequestSchema, tuningViewSchema } from "@sartor/shared/protocol";
import { LeastRole } from "../http/index.js";
import { TuningFlow, type TuningRequestOrder } from "./tuning-flow.service.js";

/** Orders tunings; reading them is tailoring's. */
@ApiTags("tunings")
@Controller("api/v1/devices")
export class DeviceTuningsController {
  constructor(private readonly flow: TuningFlow) {}

  @LeastRole("operator", "device")
  @Post(":deviceId/tunings")
  @HttpCode(202)
  @ApiOperation({ summary: "Have a device measure the candidates of its plan; one that is under way is canceled" })
  @ApiAcceptedResponse({ standardSchema: tuningViewSchema })
  order(
    @Param("deviceId") deviceId: string,
    @Body({ schema: tuningRequestSchema }) request: TuningRequestOrder,
  ): Promise<TuningView> {
    return this.flow.order(deviceId, request);
  }
}
