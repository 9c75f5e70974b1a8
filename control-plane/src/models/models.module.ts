import { Module } from "@nestjs/common";
import { BlobCatalogRepository } from "./blob-catalog.repository.js";
import { BlobCatalog } from "./blob-catalog.service.js";
import { DatasetInspector } from "./dataset-inspector.service.js";
import { DatasetsController } from "./datasets.controller.js";
import { DatasetsRepository } from "./datasets.repository.js";
import { DatasetsService } from "./datasets.service.js";
import { ModelVerifier } from "./model-verifier.service.js";
import { ModelsController } from "./models.controller.js";
import { ModelsRepository } from "./models.repository.js";
import { ModelsService } from "./models.service.js";
import { UploadsController } from "./uploads.controller.js";

/** Uploads, models, their versions and their datasets. */
@Module({
  controllers: [UploadsController, ModelsController, DatasetsController],
  providers: [
    BlobCatalogRepository,
    BlobCatalog,
    ModelVerifier,
    ModelsRepository,
    ModelsService,
    DatasetInspector,
    DatasetsRepository,
    DatasetsService,
  ],
  exports: [BlobCatalog, ModelsService, DatasetsService],
})
export class ModelsModule {}
