import { fileURLToPath } from "node:url";

export * from "./camera/index.js";
export { type DatasetOptions, makeDataset } from "./datasets/make-dataset.js";
export { ROAD_SIGN_CLASS_COUNT, ROAD_SIGN_LABELS } from "./labels.js";

/** Absolute path of the folder with `road-sign.onnx`, `manifest.json`, `golden.safetensors` and `MODEL_CARD.md`. */
export const modelDirectory = fileURLToPath(new URL("../model", import.meta.url));
