import { Module } from "@nestjs/common";
import { DevicesModule } from "../devices/index.js";
import { RolloutsModule } from "../rollouts/index.js";
import { LiveGateway } from "./live.gateway.js";
import { LiveEvents } from "./live-events.service.js";

/** What only the dashboard needs: changes as they happen. */
@Module({ imports: [DevicesModule, RolloutsModule], providers: [LiveEvents, LiveGateway] })
export class DashboardApiModule {}
