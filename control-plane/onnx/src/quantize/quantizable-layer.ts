import type { NodeProto } from "onnx-buf";
import { type EditableGraph, ELEMENT, intAttribute, shapeOf } from "../graph/index.js";
import type { PlannedLayer } from "./plan.js";

/** Operators whose second input is a weight. */
export const LAYER_OPERATORS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * A Conv, ConvTranspose, Gemm or MatMul as a layer that can compute in int8, or the reason why it cannot.
 *
 * Channel axes of weights: Conv 0, ConvTranspose 1, MatMul 1, Gemm 0 where transB is set and else 1.
 */
export function layerOf(graph: EditableGraph, node: NodeProto): PlannedLayer | string {
  const [input = "", weight = "", bias = ""] = node.input;
  const tensor = graph.initializer(weight);
  if (tensor === undefined) return "its weights are not constant";
  if (tensor.dataType !== ELEMENT.float) return "its weights are not float32";
  if (graph.initializer(input) !== undefined) return "its input is constant";
  const shape = shapeOf(tensor);
  const axis = channelAxis(node);
  const layer = { node, input, weight, axis, output: node.output[0] ?? "" };
  if (node.opType === "MatMul") return shape.length === 2 ? layer : "its weights are no matrix";
  if (node.opType === "Gemm" && intAttribute(node, "transA", 0) !== 0) return "its input is transposed";
  if (node.opType === "ConvTranspose" && intAttribute(node, "group", 1) !== 1) return "its channels are grouped";
  if (bias === "") return layer;
  const biasTensor = graph.initializer(bias);
  if (biasTensor?.dataType !== ELEMENT.float) return "its bias is not a float32 constant";
  const channels = shape[axis] ?? 0;
  const biasShape = shapeOf(biasTensor);
  const rowOnly = biasShape.slice(0, -1).every((size) => size === 1);
  const last = biasShape.at(-1) ?? 1;
  if (!rowOnly || (last !== channels && last !== 1)) return "its bias differs by row";
  return { ...layer, bias };
}

function channelAxis(node: NodeProto): number {
  if (node.opType === "Conv") return 0;
  if (node.opType === "Gemm") return intAttribute(node, "transB", 0) !== 0 ? 0 : 1;
  return 1;
}
