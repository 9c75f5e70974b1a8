import { Module } from "@nestjs/common";
import { DevicesModule } from "../devices/index.js";
import { ModelsModule } from "../models/index.js";
import { VariantsModule } from "../variants/index.js";
import { FirmwareProfiles } from "./firmware-profiles.service.js";
import { MeasurementsRepository } from "./measurements.repository.js";
import { TailoringController } from "./tailoring.controller.js";
import { TailoringService } from "./tailoring.service.js";
import { TuningsController } from "./tunings.controller.js";
import { TuningsRepository } from "./tunings.repository.js";
import { TuningsService } from "./tunings.service.js";

/** Which variant fits a device and why, and what devices measured. */
@Module({
  imports: [DevicesModule, ModelsModule, VariantsModule],
  controllers: [TailoringController, TuningsController],
  providers: [FirmwareProfiles, MeasurementsRepository, TailoringService, TuningsRepository, TuningsService],
  exports: [TailoringService, TuningsService],
})
export class TailoringModule {}
