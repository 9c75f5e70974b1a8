import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
import { intAttribute } from "./attributes.js";
import { ELEMENT } from "./element-type.js";

const BOOLEAN = new Set([
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "Less",
  "LessOrEqual",
  "And",
  "Or",
  "Xor",
  "Not",
  "IsNaN",
  "IsInf",
]);
const INDEX = new Set(["Shape", "Size", "ArgMax", "ArgMin", "NonZero", "NonMaxSuppression"]);
/** The element type is that of another input than the first. */
const TYPED_BY_INPUT: Readonly<Record<string, number>> = { Where: 1, DequantizeLinear: 1, DynamicQuantizeLinear: -1 };

/**
 * Element types of a graph's values: as stated (inputs, outputs, value_info, initializers), else by the operator's rule in onnx/defs. A value
 * of an operator of another domain stays unknown unless stated.
 */
export function inferElementTypes(
  graph: GraphProto,
  sorted: readonly NodeProto[],
  initializers: ReadonlyMap<string, TensorProto>,
): Map<string, number> {
  const types = new Map<string, number>();
  for (const { name, type } of [...graph.valueInfo, ...graph.input, ...graph.output]) {
    if (type?.value.case === "tensorType" && type.value.value.elemType > 0) types.set(name, type.value.value.elemType);
  }
  for (const [name, tensor] of initializers) types.set(name, tensor.dataType);
  for (const node of sorted) {
    for (const [index, output] of node.output.entries()) {
      if (output === "" || types.has(output)) continue;
      const type = outputType(node, index, types, initializers);
      if (type !== undefined) types.set(output, type);
    }
  }
  return types;
}

function outputType(
  node: NodeProto,
  index: number,
  types: ReadonlyMap<string, number>,
  initializers: ReadonlyMap<string, TensorProto>,
): number | undefined {
  if (node.domain !== "" || node.opType === "Loop" || node.opType === "If" || node.opType === "Scan") return undefined;
  if (BOOLEAN.has(node.opType)) return ELEMENT.bool;
  if (INDEX.has(node.opType)) return ELEMENT.int64;
  if (index > 0 && (node.opType === "TopK" || node.opType === "MaxPool")) return ELEMENT.int64;
  if (index > 0 && node.opType === "Dropout") return ELEMENT.bool;
  switch (node.opType) {
    case "Cast":
      return intAttribute(node, "to", ELEMENT.float);
    case "Constant":
    case "ConstantOfShape":
      return constantType(node);
    case "QuantizeLinear":
      return initializers.get(node.input[2] ?? "")?.dataType ?? intAttribute(node, "output_dtype", ELEMENT.uint8);
    default:
      return types.get(node.input[TYPED_BY_INPUT[node.opType] ?? 0] ?? "");
  }
}

function constantType(node: NodeProto): number | undefined {
  const attribute = node.attribute.find(({ name }) => name.startsWith("value"));
  if (attribute === undefined) return node.opType === "ConstantOfShape" ? ELEMENT.float : undefined;
  if (attribute.t !== undefined) return attribute.t.dataType;
  if (attribute.name.startsWith("value_float")) return ELEMENT.float;
  return attribute.name.startsWith("value_int") ? ELEMENT.int64 : ELEMENT.string;
}
