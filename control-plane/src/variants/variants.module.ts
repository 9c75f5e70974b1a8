import { Module } from "@nestjs/common";
import { ModelsModule } from "../models/index.js";
import { BuildAttempt } from "./build-attempt.service.js";
import { BuildRunner } from "./build-runner.service.js";
import { BuildsController } from "./builds.controller.js";
import { BuildsRepository } from "./builds.repository.js";
import { BuildsService } from "./builds.service.js";
import { ReferenceBuilder } from "./reference-builder.service.js";
import { VariantStore } from "./variant-store.service.js";
import { VariantsRepository } from "./variants.repository.js";
import { VariantsService } from "./variants.service.js";

/** What is made out of a model version for the different devices, and the builds that make it. */
@Module({
  imports: [ModelsModule],
  controllers: [BuildsController],
  providers: [
    VariantsRepository,
    BuildsRepository,
    VariantStore,
    ReferenceBuilder,
    BuildAttempt,
    BuildRunner,
    BuildsService,
    VariantsService,
  ],
  exports: [VariantsService],
})
export class VariantsModule {}
