export { checkManifest, type ModelSignature, type ModelTensor } from "./check-manifest.js";
