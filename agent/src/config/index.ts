export { type AgentSettings, readSettings } from "./settings.js";
export { readSupervisorSettings, type SupervisorSettings } from "./supervisor-settings.js";
