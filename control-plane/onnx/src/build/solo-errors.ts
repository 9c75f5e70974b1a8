import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import type { CalibrationSource } from "../calibrate/index.js";
import { EditableGraph } from "../graph/index.js";
import { compareValues, type LayerError } from "../precision/index.js";

const PREFIX = "sartor_shadow/";

/**
 * What each layer loses by itself under any conversion that can leave nodes in fp32: every layer stands in the model twice, the original stays
 * in fp32 and its twin, which reads the same exact input, is converted.
 *
 * @param operators layers to look at; those without constant weights are left out
 * @param convert converts all nodes but those it is given
 */
export async function soloErrors(
  model: Uint8Array,
  operators: ReadonlySet<string>,
  convert: (model: Uint8Array, keepFloat: ReadonlySet<string>) => Uint8Array,
  samples: CalibrationSource,
): Promise<LayerError[]> {
  const graph = EditableGraph.decode(model);
  const originals = graph.sorted();
  const layers = originals.filter(
    ({ domain, opType, input }) =>
      domain === "" && operators.has(opType) && graph.initializer(input[1] ?? "") !== undefined,
  );
  if (layers.length === 0) return [];
  for (const layer of layers) {
    const output = `${PREFIX}${layer.output[0] ?? ""}`;
    graph.addNode({
      opType: layer.opType,
      name: `${PREFIX}${layer.name}`,
      inputs: layer.input,
      outputs: [output],
      attributes: layer.attribute,
    });
    graph.addOutput(create(ValueInfoProtoSchema, { name: output }));
  }
  const converted = convert(graph.encode(), new Set(originals.map(({ name }) => name)));
  const pairs = layers.map(({ name, output }) => {
    const [value = ""] = output;
    return { name, original: value, variant: `${PREFIX}${value}` };
  });
  const decibels = await compareValues(converted, converted, pairs, samples);
  return layers.map(({ name, opType }) => ({
    name,
    operator: opType,
    decibels: decibels.get(name) ?? Number.POSITIVE_INFINITY,
    meanError: new Float32Array(0),
    rootMeanSquare: 0,
  }));
}
