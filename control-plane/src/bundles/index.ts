export { BundlesModule } from "./bundles.module.js";
export { type BundleRecord, BundlesRepository, dropBundlesOf } from "./bundles.repository.js";
export { BundlesService } from "./bundles.service.js";
export type { BundleTables } from "./bundles.tables.js";
