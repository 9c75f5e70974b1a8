export * from "./lint-fusion.js";
