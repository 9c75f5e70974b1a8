export type { BuiltVariant, OfferedVariant } from "./variant.js";
export { VariantsModule } from "./variants.module.js";
export { retireVariant, VariantsRepository } from "./variants.repository.js";
export { VariantsService } from "./variants.service.js";
export type { VariantTables } from "./variants.tables.js";
