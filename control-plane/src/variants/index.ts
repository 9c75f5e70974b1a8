export { VariantsModule } from "./variants.module.js";
export type { BuiltVariant } from "./variants.repository.js";
export { VariantsService } from "./variants.service.js";
