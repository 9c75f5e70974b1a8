import type { NodeProto } from "onnx-buf";
import { type CalibrationFeeds, TapSession } from "../calibrate/index.js";
import { EditableGraph, elementsOf, intAttribute, shapeOf } from "../graph/index.js";

/** What a model costs, whatever runs it. */
export interface ModelCost {
  /** Size of the file. */
  readonly bytes: number;
  /** Elements of all constants. */
  readonly weights: number;
  /** Multiply-accumulates of one sample in Conv, ConvTranspose, Gemm and MatMul. */
  readonly multiplyAccumulates: number;
  /** The same by node. */
  readonly byNode: ReadonlyMap<string, number>;
}

/**
 * Counts weights and multiply-accumulates of an fp32 model. Shapes come from a run, so nothing is guessed.
 *
 * @param feeds inputs of one run; its first dimension counts samples
 * @throws SartorError SRT_CALIBRATION_SHAPE, SRT_MODEL_UNSUPPORTED, SRT_MODEL_NOT_ONNX
 */
export async function modelCost(model: Uint8Array, feeds: CalibrationFeeds): Promise<ModelCost> {
  const graph = EditableGraph.decode(model);
  const layers = graph.sorted().filter(({ opType }) => ["Conv", "ConvTranspose", "Gemm", "MatMul"].includes(opType));
  const measuredValue = (node: NodeProto) => (node.opType === "ConvTranspose" ? node.input[0] : node.output[0]) ?? "";
  const shapes = new Map<string, readonly number[]>();
  const computedFactors = layers.flatMap(({ opType, input }) => (opType === "MatMul" ? [input[0] ?? ""] : []));
  const wanted = [...layers.map(measuredValue), ...computedFactors].filter(
    (name) => graph.initializer(name) === undefined,
  );
  const session = await TapSession.open(model, [...new Set(wanted)]);
  try {
    await session.run(feeds, (name, { shape }) => shapes.set(name, shape));
  } finally {
    await session.close();
  }
  const samples = Object.values(feeds)[0]?.shape[0] ?? 1;
  const byNode = new Map<string, number>();
  for (const node of layers) {
    byNode.set(
      node.name,
      (elementsOf(shapes.get(measuredValue(node)) ?? [0]) * perElement(graph, node, shapes)) / samples,
    );
  }
  return {
    bytes: model.byteLength,
    weights: graph.initializers.reduce((sum, tensor) => sum + elementsOf(shapeOf(tensor)), 0),
    multiplyAccumulates: [...byNode.values()].reduce((sum, count) => sum + count, 0),
    byNode,
  };
}

/** Multiply-accumulates for each element of a layer's result; of its input for ConvTranspose. */
function perElement(graph: EditableGraph, node: NodeProto, shapes: ReadonlyMap<string, readonly number[]>): number {
  const tensor = graph.initializer(node.input[1] ?? "");
  const shape = tensor === undefined ? undefined : shapeOf(tensor);
  if (node.opType === "Conv" || node.opType === "ConvTranspose") return elementsOf(shape?.slice(1) ?? [0]);
  if (node.opType === "MatMul") return shapes.get(node.input[0] ?? "")?.at(-1) ?? 0;
  return shape?.[intAttribute(node, "transB", 0) === 0 ? 0 : 1] ?? 0;
}
