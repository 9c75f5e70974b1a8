import { Module } from "@nestjs/common";
import { ModelsModule } from "../models/index.js";
import { VariantsModule } from "../variants/index.js";
import { BundleBuilder } from "./bundle-builder.service.js";
import { BundlesController } from "./bundles.controller.js";
import { BundlesRepository } from "./bundles.repository.js";
import { BundlesService } from "./bundles.service.js";

/** The units of installation, cut into chunks that are named by their content. */
@Module({
  imports: [ModelsModule, VariantsModule],
  controllers: [BundlesController],
  providers: [BundlesRepository, BundleBuilder, BundlesService],
  exports: [BundlesService],
})
export class BundlesModule {}
