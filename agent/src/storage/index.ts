export { syncFolder, writeFileDurably } from "./durable-files.js";
export { SettingsStore } from "./settings-store.js";
export { type OpenedStateDatabase, openStateDatabase } from "./state-database.js";
