import { EditableGraph, ELEMENT, intOf, makeTensor, requireOpset13 } from "../graph/index.js";
import type { MatrixLayer } from "./matrix-layer.js";
import { type ReplacedLayers, replaceMatrixLayers } from "./replace-layers.js";
import { quantizeWeight, weightScales } from "./weights.js";

export interface DynamicOptions {
  /** Names of nodes that stay in float. */
  readonly keepFloat?: ReadonlySet<string>;
  /** Weights in 7 bits, for x86 before VNNI. */
  readonly reducedWeights?: boolean;
}

/**
 * int8 with scales of activations found at run time, for models whose time goes into MatMul and Gemm: weights int8, symmetric, one scale a
 * column; no calibration. ONNX Runtime fuses DynamicQuantizeLinear, MatMulInteger, Cast and Mul into one kernel. Deterministic.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX, SRT_QUANTIZE_OPSET, SRT_QUANTIZE_NOT_FINITE, SRT_QUANTIZE_NOTHING
 */
export function quantizeDynamic(model: Uint8Array, options: DynamicOptions = {}): ReplacedLayers {
  const graph = EditableGraph.decode(model);
  requireOpset13(graph);
  const quantizedInputs = new Map<string, readonly [string, string, string]>();
  const weights = new Map<string, readonly [string, string, string]>();
  return replaceMatrixLayers(graph, options.keepFloat ?? new Set(), (layer) => {
    const [values, scale, zeroPoint] = inputOf(graph, layer.input, quantizedInputs);
    const [weight, weightScale, weightZero] = weightOf(graph, layer, options.reducedWeights ?? false, weights);
    const name = (kind: string) => graph.uniqueName(`${layer.node.name}_${kind}`);
    const step = (opType: string, inputs: string[], attributes = [] as ReturnType<typeof intOf>[]) => {
      const output = name(`${opType}_output`);
      graph.addNode({ opType, name: name(opType), inputs, outputs: [output], attributes });
      return output;
    };
    const sums = step("MatMulInteger", [values, weight, zeroPoint, weightZero]);
    const floats = step("Cast", [sums], [intOf("to", ELEMENT.float)]);
    return step("Mul", [floats, step("Mul", [scale, weightScale])]);
  });
}

/** Layers that read the same value share its quantized form. */
function inputOf(graph: EditableGraph, value: string, known: Map<string, readonly [string, string, string]>) {
  let names = known.get(value);
  if (names === undefined) {
    const unique = (kind: string) => graph.uniqueName(`${value}_${kind}`);
    names = [unique("quantized"), unique("scale"), unique("zero_point")];
    graph.addNode({
      opType: "DynamicQuantizeLinear",
      name: unique("DynamicQuantizeLinear"),
      inputs: [value],
      outputs: names,
    });
    known.set(value, names);
  }
  return names;
}

function weightOf(
  graph: EditableGraph,
  layer: MatrixLayer,
  reduced: boolean,
  known: Map<string, readonly [string, string, string]>,
) {
  const key = `${layer.weightName}\n${layer.rows}\n${layer.node.opType}`;
  let names = known.get(key);
  if (names !== undefined && layer.node.opType === "MatMul") return names;
  const { rows, columns } = layer;
  const weight = { name: layer.weightName, values: layer.weight, shape: [rows, columns], axis: 1 };
  const { values, scales } = quantizeWeight(weight, weightScales(weight, reduced));
  const unique = (kind: string) => graph.uniqueName(`${layer.weightName}_${kind}`);
  names = [unique("quantized"), unique("scale"), unique("zero_point")];
  graph.addInitializer(makeTensor(names[0], ELEMENT.int8, [rows, columns], values));
  graph.addInitializer(makeTensor(names[1], ELEMENT.float, [columns], scales));
  graph.addInitializer(makeTensor(names[2], ELEMENT.int8, [columns], new Int8Array(columns)));
  known.set(key, names);
  return names;
}
