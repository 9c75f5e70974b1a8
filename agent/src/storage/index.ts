export { makeFolderDurably, replaceLink, syncFolder, writeFileDurably } from "./durable-files.js";
export { Generations, type GenerationsOptions } from "./generations.js";
export { type OutboxLimits, type OutboxMessage, type OutboxRetention, OutboxStore } from "./outbox-store.js";
export { SettingsStore } from "./settings-store.js";
export { type OpenedStateDatabase, openStateDatabase } from "./state-database.js";
export { inTransaction } from "./transaction.js";
