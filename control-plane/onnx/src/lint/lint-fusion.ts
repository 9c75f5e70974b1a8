import type { NodeProto } from "onnx-buf";
import { EditableGraph, type OptimiseOptions, optimiseModel } from "../graph/index.js";

/** An operator of a quantized variant that still computes in float after ONNX Runtime optimised it. */
export interface UnfusedNode {
  readonly name: string;
  readonly operator: string;
  /** What it costs, for people. */
  readonly reason: string;
}

export interface FusionReport {
  /** Operators that compute in int8. */
  readonly int8Nodes: number;
  /** Operators that do not, although they read or write quantized values. */
  readonly unfused: readonly UnfusedNode[];
  /** Q and DQ nodes that are left and cost time at every run. */
  readonly conversions: number;
}

const INT8 =
  /^(QLinear|QGemm$|QAttention$|MatMulInteger|ConvInteger|DynamicQuantizeMatMul$|QuickGelu|DynamicQuantizeLSTM$)/;
/** They move values and do not compute: int8 or float, they cost the same or nothing. */
const MOVERS = new Set([
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Identity",
  "Transpose",
  "Cast",
  "ReorderInput",
  "ReorderOutput",
]);

/**
 * Lets ONNX Runtime optimise a quantized variant for the CPU provider and reports which operators stayed in float next to Q or DQ: each
 * pays for conversions and gains nothing from int8. The answer is that of this machine's CPU: on x86 ONNX Runtime leaves int8 activations
 * (S8S8) in float, on ARM it does not. Throws as optimiseModel does.
 */
export async function lintFusion(
  variant: Uint8Array,
  options: Omit<OptimiseOptions, "level"> = {},
): Promise<FusionReport> {
  return reportOf(EditableGraph.decode(await optimiseModel(variant, { ...options, level: "all" })));
}

/** The report about a graph that was optimised already. */
export function reportOf(graph: EditableGraph): FusionReport {
  const unfused: UnfusedNode[] = [];
  let [int8Nodes, conversions] = [0, 0];
  for (const node of graph.sorted()) {
    if (isQuantizer(node) || isDequantizer(node)) {
      if (graph.initializer(node.input[0] ?? "") === undefined) conversions++;
    } else if (INT8.test(node.opType)) int8Nodes++;
    else if (readsInt8(graph, node)) {
      int8Nodes++;
    } else if (!MOVERS.has(node.opType)) {
      const reason = reasonOf(graph, node);
      if (reason !== undefined) unfused.push({ name: node.name, operator: node.opType, reason });
    }
  }
  return { int8Nodes, unfused, conversions };
}

function reasonOf(graph: EditableGraph, node: NodeProto): string | undefined {
  const inputs = node.input.map((name) => graph.producer(name)).filter((producer) => producer !== undefined);
  const dequantized = inputs.filter(isDequantizer);
  if (dequantized.some(({ input }) => graph.initializer(input[0] ?? "") !== undefined)) {
    return "computes in float with weights that are dequantized at every run";
  }
  const writes = node.output.some((name) => graph.consumers(name).some(isQuantizer));
  if (dequantized.length > 0)
    return writes ? "computes in float between a DQ and a Q" : "computes in float behind a DQ";
  return undefined;
}

/** A pool or a concatenation of ONNX itself that reads what a Q wrote computes on int8 values. */
function readsInt8(graph: EditableGraph, node: NodeProto): boolean {
  return node.input.some((name) => {
    const producer = graph.producer(name);
    return producer !== undefined && (isQuantizer(producer) || producer.opType.startsWith("QLinear"));
  });
}

function isQuantizer({ opType }: NodeProto): boolean {
  return opType === "QuantizeLinear";
}

function isDequantizer({ opType }: NodeProto): boolean {
  return opType === "DequantizeLinear";
}
