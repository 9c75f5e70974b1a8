export { DeltaStore } from "./delta-store.service.js";
export { DeltasModule } from "./deltas.module.js";
export type { DeltaTables } from "./deltas.tables.js";
export { nodeDeltaTools } from "./node-delta-tools.js";
export { onnxLayout, onnxTensors } from "./onnx-layout.js";
