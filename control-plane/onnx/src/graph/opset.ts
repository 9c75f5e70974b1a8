import { SartorError } from "@sartor/shared/errors";
import type { NodeProto } from "onnx-buf";
import { floatAttribute, intAttribute, intOf, intsAttribute, setAttribute } from "./attributes.js";
import type { EditableGraph } from "./editable-graph.js";
import { ELEMENT } from "./element-type.js";
import { makeTensor } from "./tensor-data.js";

/** Rewrites a node of an older operator set so that it means the same in 13. */
type Upgrade = (graph: EditableGraph, node: NodeProto) => void;

/** Operators whose meaning for float tensors did not change from opset 7 to 13 (onnx/docs/Changelog.md). */
const UNCHANGED_SINCE_7: ReadonlySet<string> = new Set([
  ...[
    "Conv",
    "ConvTranspose",
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Elu",
    "Sigmoid",
    "HardSigmoid",
    "Tanh",
    "Erf",
    "Softplus",
  ],
  ...[
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "LRN",
    "InstanceNormalization",
    "BatchNormalization",
  ],
  ...["Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Exp", "Log", "Abs", "Neg", "Floor", "Ceil", "Min", "Max", "Sum"],
  ...[
    "Gemm",
    "MatMul",
    "Flatten",
    "Reshape",
    "Transpose",
    "Concat",
    "Identity",
    "Constant",
    "Shape",
    "Gather",
    "Expand",
  ],
  ...[
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ArgMax",
    "Cast",
    "Where",
    "Equal",
    "Not",
    "DepthToSpace",
    "SpaceToDepth",
  ],
]);

/** And those that did not change from 11 to 13. */
const UNCHANGED_SINCE_11 = new Set(["Clip", "Pad", "Slice", "Resize", "TopK"]);

/** Operators whose attributes became inputs, by the opset in which they did. */
const UPGRADES: Readonly<Record<string, readonly [changedIn: number, upgrade: Upgrade]>> = {
  Clip: [11, upgradeClip],
  Pad: [11, upgradePad],
  Slice: [10, upgradeSlice],
  Squeeze: [13, (graph, node) => axesToInput(graph, node, "axes")],
  Unsqueeze: [13, (graph, node) => axesToInput(graph, node, "axes")],
  ReduceSum: [13, (graph, node) => axesToInput(graph, node, "axes")],
  Split: [13, (graph, node) => axesToInput(graph, node, "split")],
  Softmax: [13, upgradeSoftmax],
  LogSoftmax: [13, upgradeSoftmax],
};

/**
 * Makes a model use at least opset 13 of ai.onnx, from which on QuantizeLinear and DequantizeLinear know an axis. An older model is raised
 * where each of its operators means the same in 13 or can be rewritten; else it is refused and left as it was.
 *
 * @throws SartorError SRT_QUANTIZE_OPSET: names the operators in the way
 */
export function requireOpset13(graph: EditableGraph): void {
  const version = graph.opset();
  if (version >= 13) return;
  const nodes = graph.sorted().filter(({ domain }) => domain === "");
  const inTheWay = nodes.filter((node) => version < 7 || !isKnown(node, version));
  if (inTheWay.length > 0 || graph.hasFunctions) {
    const operators = [...new Set(inTheWay.map(({ opType }) => opType))].slice(0, 8);
    throw new SartorError(
      "SRT_QUANTIZE_OPSET",
      `The model uses opset ${version}; quantizing needs 13, and these operators changed in between: ` +
        `${operators.join(", ") || "functions of its own"}. Export the model with opset 13 or later.`,
      { details: { opset: version, operators } },
    );
  }
  for (const node of nodes) {
    const entry = UPGRADES[node.opType];
    if (entry !== undefined && version < entry[0]) entry[1](graph, node);
  }
  graph.setOpset("", 13);
  graph.requireIrVersion(7);
}

function isKnown({ opType, attribute }: NodeProto, version: number): boolean {
  // Attributes that carry graphs would need the same treatment inside.
  if (attribute.some(({ name, g }) => name === "spatial" || g !== undefined)) return false;
  return (
    UNCHANGED_SINCE_7.has(opType) || (version >= 11 && UNCHANGED_SINCE_11.has(opType)) || UPGRADES[opType] !== undefined
  );
}

function constant(
  graph: EditableGraph,
  node: NodeProto,
  kind: string,
  values: Float32Array | readonly number[],
): string {
  const name = graph.uniqueName(`${node.name}_${kind}`);
  graph.addInitializer(
    values instanceof Float32Array
      ? makeTensor(name, ELEMENT.float, [], values)
      : makeTensor(name, ELEMENT.int64, [values.length], BigInt64Array.from(values, BigInt)),
  );
  return name;
}

function upgradeClip(graph: EditableGraph, node: NodeProto): void {
  for (const [index, name] of [
    [1, "min"],
    [2, "max"],
  ] as const) {
    const bound = floatAttribute(node, name, Number.NaN);
    if (!Number.isNaN(bound)) graph.setInput(node, index, constant(graph, node, name, Float32Array.of(bound)));
    setAttribute(node, name);
  }
}

function upgradePad(graph: EditableGraph, node: NodeProto): void {
  graph.setInput(node, 1, constant(graph, node, "pads", intsAttribute(node, "pads") ?? []));
  graph.setInput(node, 2, constant(graph, node, "value", Float32Array.of(floatAttribute(node, "value", 0))));
  setAttribute(node, "pads");
  setAttribute(node, "value");
}

function upgradeSlice(graph: EditableGraph, node: NodeProto): void {
  const starts = intsAttribute(node, "starts") ?? [];
  const parts = {
    starts,
    ends: intsAttribute(node, "ends") ?? [],
    axes: intsAttribute(node, "axes") ?? starts.map((_, axis) => axis),
  };
  for (const [index, [name, values]] of Object.entries(parts).entries()) {
    graph.setInput(node, index + 1, constant(graph, node, name, values));
    setAttribute(node, name);
  }
}

function axesToInput(graph: EditableGraph, node: NodeProto, name: string): void {
  const values = intsAttribute(node, name);
  if (values !== undefined) graph.setInput(node, 1, constant(graph, node, name, values));
  setAttribute(node, name);
}

/** Before 13, softmax ran over all dimensions from its axis on, taken as one; that is a softmax of the flattened tensor. */
function upgradeSoftmax(graph: EditableGraph, node: NodeProto): void {
  const axis = intAttribute(node, "axis", 1);
  setAttribute(node, "axis", intOf("axis", -1));
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  if (axis === -1) return;
  const name = (kind: string) => graph.uniqueName(`${node.name}_${kind}`);
  const [flat, result, shape] = [name("flat"), name("result"), name("shape")];
  graph.addNode({ opType: "Flatten", inputs: [input], outputs: [flat], attributes: [intOf("axis", axis)] });
  graph.addNode({ opType: "Shape", inputs: [input], outputs: [shape] });
  graph.rewireInput(node, input, flat);
  graph.renameOutput(node, output, result);
  graph.addNode({ opType: "Reshape", inputs: [result, shape], outputs: [output] });
}
