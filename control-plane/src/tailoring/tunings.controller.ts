import { Controller, Get, HttpCode, Param, Post, Query } from "@nestjs/common";
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import { type Page, pageOf, type TuningView, tuningViewSchema, ulidSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { CurrentPerson, LeastRole, type Person } from "../http/index.js";
import { TUNINGS_KEPT } from "./tunings.repository.js";
import { TuningsService } from "./tunings.service.js";

const listQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(TUNINGS_KEPT),
  cursor: ulidSchema.optional(),
});
const tuningPageSchema = pageOf(tuningViewSchema).meta({ id: "TuningPage" });

@ApiTags("tunings")
@Controller("api/v1")
export class TuningsController {
  constructor(private readonly tunings: TuningsService) {}

  @LeastRole("viewer", "device")
  @Get("devices/:deviceId/tunings")
  @ApiOperation({ summary: `A device's tunings, newest first; the newest ${TUNINGS_KEPT} are kept` })
  @ApiOkResponse({ standardSchema: tuningPageSchema })
  ofDevice(
    @Param("deviceId") deviceId: string,
    @Query({ schema: listQuerySchema }) query: z.output<typeof listQuerySchema>,
  ): Promise<Page<TuningView>> {
    return this.tunings.ofDevice(deviceId, query.limit, query.cursor);
  }

  @LeastRole("viewer", "scoped")
  @Get("tunings/:tuningId")
  @ApiOperation({ summary: "A tuning, with what the device said" })
  @ApiOkResponse({ standardSchema: tuningViewSchema })
  get(
    @Param("tuningId", { schema: ulidSchema }) tuningId: string,
    @CurrentPerson() { groups }: Person,
  ): Promise<TuningView> {
    return this.tunings.get(tuningId, groups);
  }

  @LeastRole("operator", "scoped")
  @Post("tunings/:tuningId/cancel")
  @HttpCode(202)
  @ApiOperation({ summary: "Have a device stop measuring" })
  @ApiAcceptedResponse({ standardSchema: tuningViewSchema })
  cancel(
    @Param("tuningId", { schema: ulidSchema }) tuningId: string,
    @CurrentPerson() { groups }: Person,
  ): Promise<TuningView> {
    return this.tunings.cancel(tuningId, groups);
  }
}
