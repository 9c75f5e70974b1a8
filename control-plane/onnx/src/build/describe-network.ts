import type { ModelFamily } from "@sartor/shared/protocol";
import { type CalibrationFeeds, floatValuesOf, TapSession } from "../calibrate/index.js";
import { EditableGraph, elementsOf, intAttribute, shapeOf } from "../graph/index.js";
import { type ModelCost, modelCost } from "../measure/index.js";

/** What a network is made of. */
export interface NetworkDescription {
  /** Multiply-accumulates of one sample. */
  readonly macs: number;
  readonly family: ModelFamily;
  /** Memory of the largest set of fp32 activations that live at once, for one sample, bytes. */
  readonly activationBytes: number;
  readonly cost: ModelCost;
}

/** Share of multiply-accumulates in depthwise convolutions from which a network is one of them; pointwise ones around them cost far more. */
const DEPTHWISE_SHARE = 0.01;

/**
 * Finds out what a network is made of, from the shapes of one run.
 *
 * @param feeds inputs of one run; its first dimension counts samples
 * @throws SartorError SRT_CALIBRATION_SHAPE, SRT_MODEL_UNSUPPORTED, SRT_MODEL_NOT_ONNX
 */
export async function describeNetwork(model: Uint8Array, feeds: CalibrationFeeds): Promise<NetworkDescription> {
  const cost = await modelCost(model, feeds);
  const graph = EditableGraph.decode(model);
  return {
    macs: Math.round(cost.multiplyAccumulates),
    family: familyOf(graph, cost.byNode),
    activationBytes: Math.round(await peakOf(graph, model, feeds)),
    cost,
  };
}

function familyOf(graph: EditableGraph, macs: ReadonlyMap<string, number>): ModelFamily {
  let [all, convolution, depthwise] = [0, 0, 0];
  let attention = false;
  for (const node of graph.nodes) {
    const here = macs.get(node.name) ?? 0;
    all += here;
    if (/Attention$/.test(node.opType)) attention = true;
    if (node.opType === "MatMul" && node.input.every((name) => graph.initializer(name) === undefined)) attention = true;
    if (node.opType !== "Conv" && node.opType !== "ConvTranspose") continue;
    convolution += here;
    const weight = graph.initializer(node.input[1] ?? "");
    if (intAttribute(node, "group", 1) > 1 && weight !== undefined && shapeOf(weight)[1] === 1) depthwise += here;
  }
  if (convolution > all / 2) return depthwise >= all * DEPTHWISE_SHARE ? "depthwise" : "convolution";
  return attention ? "transformer" : "other";
}

/** A value lives from the node that computes it to the last one that reads it; an input from the start, an output to the end. */
async function peakOf(graph: EditableGraph, model: Uint8Array, feeds: CalibrationFeeds): Promise<number> {
  const bytes = new Map<string, number>();
  const session = await TapSession.open(model, floatValuesOf(graph));
  try {
    await session.run(feeds, (name, { shape }) => bytes.set(name, elementsOf(shape) * 4));
  } finally {
    await session.close();
  }
  const nodes = graph.sorted();
  const lastRead = new Map<string, number>();
  for (const [at, { input }] of nodes.entries()) for (const name of input) lastRead.set(name, at);
  for (const { name } of graph.outputs) lastRead.set(name, nodes.length);
  let live = graph.inputs.reduce((sum, { name }) => sum + (bytes.get(name) ?? 0), 0);
  let peak = live;
  for (const [at, node] of nodes.entries()) {
    for (const name of node.output) live += bytes.get(name) ?? 0;
    peak = Math.max(peak, live);
    const read = new Set([...node.input, ...node.output]);
    for (const name of read) if ((lastRead.get(name) ?? at) === at) live -= bytes.get(name) ?? 0;
  }
  return peak / (Object.values(feeds)[0]?.shape[0] ?? 1);
}
