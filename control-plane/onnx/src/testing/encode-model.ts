import { create, toBinary } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";

/** What a test changes in the one-layer model of {@link encodeModel}. */
export interface ModelOptions {
  readonly irVersion?: number;
  readonly opsets?: readonly (readonly [domain: string, version: number])[];
  readonly inputs?: ValueInfoProto[];
  readonly outputs?: ValueInfoProto[];
  readonly nodes?: NodeProto[];
  /** Domain of the one node. */
  readonly domain?: string;
  readonly weightDims?: bigint[];
}

/** A tensor's description; -1 becomes a symbolic dimension. Type 1 is float. */
export function valueInfo(name: string, shape: readonly number[], elemType = 1): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: size < 0 ? { case: "dimParam", value: "batch" } : { case: "dimValue", value: BigInt(size) },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) });
  const type = create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } });
  return create(ValueInfoProtoSchema, { name, type });
}

/** Writes y = x W' + b with x: N x 4, y: N x 3 (15 parameters) as an ONNX file, for tests. */
export function encodeModel(options: ModelOptions = {}): Uint8Array {
  const weights = create(TensorProtoSchema, {
    name: "w",
    dataType: 1,
    dims: options.weightDims ?? [3n, 4n],
    rawData: new Uint8Array(48),
  });
  const bias = create(TensorProtoSchema, { name: "b", dataType: 1, dims: [3n], rawData: new Uint8Array(12) });
  const layer = create(NodeProtoSchema, {
    opType: "Gemm",
    domain: options.domain ?? "",
    input: ["x", "w", "b"],
    output: ["y"],
  });
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(options.irVersion ?? 8),
    producerName: "test",
    producerVersion: "1",
    opsetImport: (options.opsets ?? [["", 13]]).map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    ),
    graph: create(GraphProtoSchema, {
      name: "graph",
      input: options.inputs ?? [valueInfo("x", [-1, 4])],
      output: options.outputs ?? [valueInfo("y", [-1, 3])],
      initializer: [weights, bias],
      node: options.nodes ?? [layer],
    }),
  });
  return toBinary(ModelProtoSchema, model);
}
