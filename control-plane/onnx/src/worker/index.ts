export * from "./refusal-of.js";
export * from "./run-worker.js";
export * from "./volunteer-for-out-of-memory.js";
