export { BatchWriter, type BatchWriterOptions } from "./batch-writer.js";
export { Database } from "./database.js";
export { DatabaseModule } from "./database.module.js";
export { isDatabaseAway, isUniqueViolation } from "./database-failure.js";
export type { SqlDialect } from "./dialect.js";
export type { SchemaMigration } from "./migration.js";
