import { Controller, Get, Res } from "@nestjs/common";
import { ApiOkResponse, ApiResponse, ApiTags } from "@nestjs/swagger";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { Public } from "./access.js";
import { Health } from "./health.js";

const liveSchema = z.object({ status: z.literal("live") }).meta({ id: "Live" });
const readySchema = z
  .object({ status: z.enum(["ready", "not_ready"]), checks: z.record(z.string(), z.string()) })
  .meta({ id: "Ready" });

@ApiTags("health")
@Public()
@Controller("api/v1/health")
export class HealthController {
  constructor(private readonly health: Health) {}

  /** The process answers. */
  @Get("live")
  @ApiOkResponse({ standardSchema: liveSchema })
  live(): z.infer<typeof liveSchema> {
    return { status: "live" };
  }

  /** Database and broker answer too; 503 otherwise. */
  @Get("ready")
  @ApiOkResponse({ standardSchema: readySchema })
  @ApiResponse({ status: 503, standardSchema: readySchema })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<z.infer<typeof readySchema>> {
    const { ready, checks } = await this.health.run();
    reply.status(ready ? 200 : 503);
    return { status: ready ? "ready" : "not_ready", checks };
  }
}
