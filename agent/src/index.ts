export { type Agent, type AgentContext, startAgent } from "./agent.js";
