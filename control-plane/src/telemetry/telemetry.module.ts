import { Module } from "@nestjs/common";
import { DevicesModule } from "../devices/index.js";
import { TelemetryController } from "./telemetry.controller.js";
import { TelemetryRepository } from "./telemetry.repository.js";
import { TelemetryService } from "./telemetry.service.js";

/** What devices measure: kept, asked for, removed in time. */
@Module({
  imports: [DevicesModule],
  controllers: [TelemetryController],
  providers: [TelemetryRepository, TelemetryService],
  exports: [TelemetryService],
})
export class TelemetryModule {}
