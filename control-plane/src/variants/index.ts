export type { BuiltVariant, OfferedVariant } from "./variant.js";
export { VariantsModule } from "./variants.module.js";
export { VariantsService } from "./variants.service.js";
