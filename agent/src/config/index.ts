export { type AgentSettings, readSettings } from "./settings.js";
