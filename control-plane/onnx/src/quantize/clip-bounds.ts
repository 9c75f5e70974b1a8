import type { NodeProto } from "onnx-buf";
import { type EditableGraph, floatAttribute, readFloats } from "../graph/index.js";

/** Bounds of a Relu or a Clip, by attributes (before opset 11) or constant inputs; `undefined` where they are computed. */
export function clipBounds(graph: EditableGraph, node: NodeProto): { minimum: number; maximum: number } | undefined {
  if (node.opType === "Relu") return { minimum: 0, maximum: Number.POSITIVE_INFINITY };
  const bound = (index: number, attribute: string, fallback: number) => {
    const name = node.input[index] ?? "";
    if (name === "") return floatAttribute(node, attribute, fallback);
    const tensor = graph.initializer(name);
    return tensor === undefined ? undefined : readFloats(tensor)[0];
  };
  const minimum = bound(1, "min", Number.NEGATIVE_INFINITY);
  const maximum = bound(2, "max", Number.POSITIVE_INFINITY);
  return minimum === undefined || maximum === undefined ? undefined : { minimum, maximum };
}
