export * from "./bias-correction.js";
export * from "./compare-models.js";
export { equaliseLayers } from "./equalise-layers.js";
export * from "./keep-accuracy.js";
export * from "./layer-errors.js";
export * from "./mcnemar.js";
export * from "./search-variant.js";
export * from "./signal-to-noise.js";
