import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
} from "onnx-buf";
import { EditableGraph, ELEMENT, makeTensor } from "../graph/index.js";
import { valueInfo } from "./encode-model.js";

/** A node as operator, inputs, outputs and attributes. */
export type NodeSketch = readonly [
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: readonly AttributeProto[],
];

export interface GraphSketch {
  readonly inputs?: Readonly<Record<string, readonly number[]>>;
  readonly outputs?: readonly string[];
  readonly constants?: readonly TensorProto[];
  readonly nodes: readonly NodeSketch[];
  readonly opset?: number;
  readonly irVersion?: number;
}

/** A float constant whose values run through a fixed pattern between -1 and 1. */
export function ramp(name: string, shape: readonly number[]): TensorProto {
  const count = shape.reduce((product, size) => product * size, 1);
  return makeTensor(
    name,
    ELEMENT.float,
    shape,
    Float32Array.from({ length: count }, (_, index) => ((index * 37) % 101) / 50 - 1),
  );
}

/** Writes a model from a sketch, for tests. The input is x (N x 4) and the output y unless said otherwise. */
export function sketchModel(sketch: GraphSketch): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(sketch.irVersion ?? 8),
    producerName: "test",
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(sketch.opset ?? 13) })],
    graph: create(GraphProtoSchema, {
      name: "graph",
      input: Object.entries(sketch.inputs ?? { x: [-1, 4] }).map(([name, shape]) => valueInfo(name, shape)),
      output: (sketch.outputs ?? ["y"]).map((name) => valueInfo(name, [])),
      initializer: [...(sketch.constants ?? [])],
      node: sketch.nodes.map(([opType, input, output, attribute]) =>
        create(NodeProtoSchema, { opType, input: [...input], output: [...output], attribute: [...(attribute ?? [])] }),
      ),
    }),
  });
  return toBinary(ModelProtoSchema, model);
}

/** The same as an {@link EditableGraph}. */
export function sketchGraph(sketch: GraphSketch): EditableGraph {
  return EditableGraph.decode(sketchModel(sketch));
}
