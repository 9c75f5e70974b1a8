import type { NodeProto } from "onnx-buf";
import { type EditableGraph, ELEMENT, floatAttribute, intAttribute, readFloats, shapeOf } from "../graph/index.js";
import { notFinite } from "./weights.js";

/** A MatMul or Gemm with constant weights as y = x W + b. */
export interface MatrixLayer {
  readonly node: NodeProto;
  readonly input: string;
  readonly output: string;
  readonly weightName: string;
  /** K x N, row by row, alpha of Gemm multiplied in. */
  readonly weight: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** One value a column or one for all, with beta of Gemm multiplied in. */
  readonly bias: Float32Array | undefined;
}

/**
 * A MatMul or Gemm as a plain product with a constant matrix, or the reason why it is none.
 *
 * @throws SartorError SRT_QUANTIZE_NOT_FINITE
 */
export function matrixLayerOf(graph: EditableGraph, node: NodeProto): MatrixLayer | string {
  const [input = "", weightName = "", biasName = ""] = node.input;
  const tensor = graph.initializer(weightName);
  if (tensor === undefined) return "its weights are not constant";
  const shape = shapeOf(tensor);
  if (tensor.dataType !== ELEMENT.float || shape.length !== 2) return "its weights are no float32 matrix";
  if (node.opType === "Gemm" && intAttribute(node, "transA", 0) !== 0) return "its input is transposed";
  const transposed = node.opType === "Gemm" && intAttribute(node, "transB", 0) !== 0;
  const [rows = 0, columns = 0] = transposed ? shape.toReversed() : shape;
  const stored = readFloats(tensor);
  const alpha = node.opType === "Gemm" ? floatAttribute(node, "alpha", 1) : 1;
  const weight = new Float32Array(stored.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = (stored[transposed ? column * rows + row : row * columns + column] ?? 0) * alpha;
      if (!Number.isFinite(value)) throw notFinite(weightName);
      weight[row * columns + column] = value;
    }
  }
  const layer = { node, input, output: node.output[0] ?? "", weightName, weight, rows, columns };
  if (biasName === "") return { ...layer, bias: undefined };
  const bias = graph.initializer(biasName);
  if (bias?.dataType !== ELEMENT.float) return "its bias is not a float32 constant";
  const biasShape = shapeOf(bias);
  if (biasShape.slice(0, -1).some((size) => size !== 1)) return "its bias differs by row";
  const beta = floatAttribute(node, "beta", 1);
  return { ...layer, bias: readFloats(bias).map((value) => value * beta) };
}
