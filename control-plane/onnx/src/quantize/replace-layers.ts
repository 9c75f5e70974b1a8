import { SartorError } from "@sartor/shared/errors";
import { EditableGraph, ELEMENT, makeTensor } from "../graph/index.js";
import { type MatrixLayer, matrixLayerOf } from "./matrix-layer.js";
import type { KeptNode } from "./plan.js";
import { emptyToolVersion, PRODUCER } from "./producer.js";

/** A model of which MatMul and Gemm nodes were replaced. */
export interface ReplacedLayers {
  readonly model: Uint8Array;
  /** Names of the nodes that were replaced. */
  readonly layers: readonly string[];
  readonly kept: readonly KeptNode[];
}

/**
 * Replaces every MatMul and Gemm with constant weights by what `write` adds to the graph.
 *
 * @param write adds nodes that compute x W (without the bias) and returns the name of their result
 * @throws SartorError SRT_MODEL_NOT_ONNX, SRT_QUANTIZE_NOT_FINITE; SRT_QUANTIZE_NOTHING where no such layer exists
 */
export function replaceMatrixLayers(
  graph: EditableGraph,
  keepFloat: ReadonlySet<string>,
  write: (layer: MatrixLayer) => string | { readonly kept: string },
): ReplacedLayers {
  const layers: string[] = [];
  const kept: KeptNode[] = [];
  for (const node of graph.sorted()) {
    if (node.domain !== "" || (node.opType !== "MatMul" && node.opType !== "Gemm")) continue;
    const layer = keepFloat.has(node.name) ? "asked for" : matrixLayerOf(graph, node);
    const written = typeof layer === "string" ? { kept: layer } : write(layer);
    if (typeof layer === "string" || typeof written !== "string") {
      const reason = typeof written === "string" ? "" : written.kept;
      kept.push({ name: node.name, operator: node.opType, reason });
      continue;
    }
    graph.removeNode(node);
    finish(graph, layer, written);
    layers.push(node.name);
  }
  if (layers.length === 0) {
    const details = { kept: kept.slice(0, 32) };
    throw new SartorError("SRT_QUANTIZE_NOTHING", "The model has no MatMul or Gemm with a constant matrix.", {
      details,
    });
  }
  graph.setProducer(PRODUCER, emptyToolVersion);
  return { model: graph.encode(), layers, kept };
}

/** Adds the bias, and gives the result the name that the layer's had. */
function finish(graph: EditableGraph, layer: MatrixLayer, product: string): void {
  if (layer.bias === undefined) {
    const producer = graph.producer(product);
    if (producer !== undefined) graph.renameOutput(producer, product, layer.output);
    return;
  }
  const bias = graph.uniqueName(`${layer.node.name}_bias`);
  graph.addInitializer(makeTensor(bias, ELEMENT.float, [layer.bias.length], layer.bias));
  graph.addNode({ opType: "Add", inputs: [product, bias], outputs: [layer.output] });
}
