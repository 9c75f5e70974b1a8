export { nodeDeltaTools } from "./node-delta-tools.js";
export { onnxLayout, onnxTensors } from "./onnx-layout.js";
