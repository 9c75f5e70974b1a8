import { Module } from "@nestjs/common";
import { DevicesModule } from "../devices/index.js";
import { ModelsModule } from "../models/index.js";
import { RolloutsModule } from "../rollouts/index.js";
import { TailoringModule } from "../tailoring/index.js";
import { VariantsModule } from "../variants/index.js";
import { LiveGateway } from "./live.gateway.js";
import { LiveEvents } from "./live-events.service.js";

/** What only the dashboard needs: changes as they happen. */
@Module({
  imports: [DevicesModule, ModelsModule, VariantsModule, TailoringModule, RolloutsModule],
  providers: [LiveEvents, LiveGateway],
})
export class DashboardApiModule {}
