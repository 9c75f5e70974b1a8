export * from "./classification-report.js";
export * from "./model-cost.js";
export * from "./run-outputs.js";
