export { BundlesModule } from "./bundles.module.js";
export { type BundleFileRecord, type BundleRecord, BundlesRepository, dropBundlesOf } from "./bundles.repository.js";
export { BundlesService } from "./bundles.service.js";
export type { BundleTables } from "./bundles.tables.js";
export { RangedResponses, type ServedContent, sendContent } from "./send-content.js";
