import { Module } from "@nestjs/common";
import { Settings } from "../config/index.js";
import { Database } from "../database/index.js";
import { DevicesModule } from "../devices/index.js";
import { TelemetryController } from "./telemetry.controller.js";
import { TelemetryRepository } from "./telemetry.repository.js";
import { TelemetryService } from "./telemetry.service.js";

/** What devices measure: kept, asked for, removed in time. */
@Module({
  imports: [DevicesModule],
  controllers: [TelemetryController],
  providers: [
    {
      provide: TelemetryRepository,
      inject: [Database, Settings],
      useFactory: (database: Database, settings: Settings) => new TelemetryRepository(database, settings),
    },
    TelemetryService,
  ],
  exports: [TelemetryService],
})
export class TelemetryModule {}
