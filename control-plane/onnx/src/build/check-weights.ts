import { SartorError } from "@sartor/shared/errors";
import { EditableGraph, ELEMENT, readFloats } from "../graph/index.js";

const FLOATS: ReadonlySet<number> = new Set([ELEMENT.float, ELEMENT.double, ELEMENT.float16, ELEMENT.bfloat16]);
const LAYERS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * Refuses a model with a constant that is not a number, or with an infinite weight or bias. Infinite constants elsewhere are meant so: masks
 * of attention are.
 *
 * @throws SartorError SRT_QUANTIZE_NOT_FINITE, SRT_MODEL_NOT_ONNX
 */
export function checkWeights(model: Uint8Array): void {
  const graph = EditableGraph.decode(model);
  const weights = new Set(graph.nodes.flatMap(({ opType, input }) => (LAYERS.has(opType) ? input.slice(1) : [])));
  for (const tensor of graph.initializers) {
    if (!FLOATS.has(tensor.dataType)) continue;
    const isWeight = weights.has(tensor.name);
    for (const value of readFloats(tensor)) {
      if (Number.isNaN(value) || (isWeight && !Number.isFinite(value))) {
        const problem = `The model's constant ${tensor.name} holds a value that is infinite or not a number.`;
        throw new SartorError("SRT_QUANTIZE_NOT_FINITE", problem, { details: { tensor: tensor.name } });
      }
    }
  }
}
