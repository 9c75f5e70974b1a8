export * from "./attributes.js";
export * from "./editable-graph.js";
export * from "./element-type.js";
export * from "./half.js";
export * from "./opset.js";
export * from "./optimise/optimise-model.js";
export { graphsOf } from "./subgraphs.js";
export * from "./tensor-data.js";
