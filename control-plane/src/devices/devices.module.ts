import { Module } from "@nestjs/common";
import { IngestModule } from "../ingest/index.js";
import { DeviceEvents } from "./device-events.repository.js";
import { DeviceWrites } from "./device-writes.repository.js";
import { DevicesController } from "./devices.controller.js";
import { DevicesRepository } from "./devices.repository.js";
import { DevicesService } from "./devices.service.js";
import { PresenceService } from "./presence.service.js";
import { SystemController } from "./system.controller.js";

/** The registry of devices. */
@Module({
  imports: [IngestModule],
  controllers: [DevicesController, SystemController],
  providers: [DevicesRepository, DeviceWrites, DeviceEvents, PresenceService, DevicesService],
  exports: [DevicesService],
})
export class DevicesModule {}
