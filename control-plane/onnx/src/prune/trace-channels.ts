import type { EditableGraph } from "../graph/index.js";
import { block } from "./channel-layout.js";
import { TraceContext, type TraceRule } from "./trace-context.js";
import { traceConvolution, traceMatrix } from "./trace-layers.js";
import {
  meetChannels,
  passChannels,
  traceConcat,
  traceFlatten,
  traceNorm,
  tracePad,
  tracePlane,
  traceReshape,
  traceResize,
} from "./trace-operators.js";

const PASSED = [
  ..."Relu LeakyRelu Clip Sigmoid HardSigmoid HardSwish Tanh Elu Selu Celu Gelu Mish Softplus Softsign ThresholdedRelu".split(
    " ",
  ),
  ..."Abs Neg Exp Log Sqrt Erf Floor Ceil Round Reciprocal Identity Dropout".split(" "),
  ..."MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool".split(" "),
];
const MET = "Add Sub Mul Div Pow Min Max Sum Mean PRelu".split(" ");

const RULES: ReadonlyMap<string, TraceRule> = new Map([
  ...PASSED.map((operator) => [operator, passChannels] as const),
  ...MET.map((operator) => [operator, meetChannels] as const),
  ["Conv", traceConvolution],
  ["ConvTranspose", traceConvolution],
  ["Gemm", traceMatrix],
  ["MatMul", traceMatrix],
  ["BatchNormalization", traceNorm],
  ["Concat", traceConcat],
  ["Flatten", traceFlatten],
  ["Reshape", traceReshape],
  ["ReduceMean", tracePlane],
  ["ReduceMax", tracePlane],
  ["ReduceSum", tracePlane],
  ["Squeeze", tracePlane],
  ["Pad", tracePad],
  ["Resize", traceResize],
]);

/**
 * Follows the channels of every convolution through a graph: which have to go together, what reads them, and what would change with them.
 * An operator that is not known to keep channels apart, an output of the graph, a value that a subgraph reads and a constant with several
 * readers block the channels that they touch. Nothing is guessed.
 */
export function traceChannels(graph: EditableGraph): TraceContext {
  const context = new TraceContext(graph);
  for (const node of graph.sorted()) {
    const rule = node.domain === "" ? RULES.get(node.opType) : undefined;
    const layout = rule?.(context, node);
    if (layout === undefined) for (const value of node.input) context.block(value);
    else context.setLayout(node.output[0] ?? "", layout);
  }
  for (const [value, layout] of context.followed) {
    if (graph.isOutput(value) || graph.isCaptured(value)) block(context.spaces, layout);
  }
  return context;
}
