export { BundlesModule } from "./bundles.module.js";
export type { BundleRecord } from "./bundles.repository.js";
export { BundlesService } from "./bundles.service.js";
