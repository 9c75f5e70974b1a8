export * from "./affine.js";
export * from "./convert-to-half.js";
export * from "./plan.js";
export * from "./plan-quantization.js";
export * from "./quantize-dynamic.js";
export * from "./quantize-static.js";
export * from "./quantize-weights.js";
export * from "./recipe.js";
export type { ReplacedLayers } from "./replace-layers.js";
