export { BlobCatalog, UNREFERENCED_LIFETIME_MS } from "./blob-catalog.service.js";
export { canonicalJson } from "./canonical-json.js";
export { ModelsModule } from "./models.module.js";
export { type ModelVersionRecord, referBlobs } from "./models.repository.js";
export { ModelsService } from "./models.service.js";
export type { BlobTables } from "./models.tables.js";
