export {
  type Classification,
  type ClassProbability,
  classifyRow,
  entropy,
  softmax,
  topClasses,
} from "./classification.js";
export {
  compareGolden,
  type GoldenComparison,
  type GoldenVectors,
  goldenRun,
  MOST_GOLDEN_VECTORS,
  readGoldenVectors,
  writeGoldenVectors,
} from "./golden-vectors.js";
export { createImageTensorWriter, type ImageTensorWriter } from "./image-tensor.js";
export {
  readSafetensors,
  readSafetensorsLayout,
  SAFETENSORS_LIMITS,
  type Safetensors,
  type SafetensorsEntry,
  type SafetensorsLayout,
  safetensorsDataStart,
  writeSafetensors,
} from "./safetensors.js";
export {
  ELEMENT_BYTES,
  type ElementsOf,
  elementCount,
  halfToNumber,
  shapeFits,
  type Tensor,
  type TensorElements,
  tensorFrom,
  toNumbers,
  viewElements,
} from "./tensor.js";
