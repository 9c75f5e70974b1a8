import { Module } from "@nestjs/common";
import { BlobCatalogRepository } from "./blob-catalog.repository.js";
import { BlobCatalog } from "./blob-catalog.service.js";
import { ModelVerifier } from "./model-verifier.service.js";
import { ModelsController } from "./models.controller.js";
import { ModelsRepository } from "./models.repository.js";
import { ModelsService } from "./models.service.js";
import { UploadsController } from "./uploads.controller.js";

/** Uploads, models and their versions. */
@Module({
  controllers: [UploadsController, ModelsController],
  providers: [BlobCatalogRepository, BlobCatalog, ModelVerifier, ModelsRepository, ModelsService],
  exports: [BlobCatalog, ModelsService],
})
export class ModelsModule {}
