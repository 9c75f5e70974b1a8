export { BlobCatalogRepository } from "./blob-catalog.repository.js";
export { BlobCatalog, UNREFERENCED_LIFETIME_MS } from "./blob-catalog.service.js";
export { canonicalJson } from "./canonical-json.js";
export { claimDatasets, releaseDatasets } from "./datasets.repository.js";
export { DatasetsService } from "./datasets.service.js";
export { ModelsModule } from "./models.module.js";
export { type ModelVersionRecord, referBlobs } from "./models.repository.js";
export { ModelsService } from "./models.service.js";
export type { BlobTables, DatasetTables } from "./models.tables.js";
