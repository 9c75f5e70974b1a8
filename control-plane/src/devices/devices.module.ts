import { Module } from "@nestjs/common";
import { IngestModule } from "../ingest/index.js";
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
  providers: [DevicesRepository, DeviceWrites, PresenceService, DevicesService],
  exports: [DevicesService],
})
export class DevicesModule {}
