import type { TensorType } from "@sartor/shared/protocol";

interface ElementType {
  /** The Open Inference Protocol's name; absent where that protocol has none. */
  readonly protocolName?: TensorType;
  readonly onnxName: string;
  /** Size of one element in `raw_data`, bits; absent for strings. */
  readonly bits?: number;
}

/** `TensorProto.DataType` of onnx.proto3, by number. */
const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  1: { protocolName: "FP32", onnxName: "FLOAT", bits: 32 },
  2: { protocolName: "UINT8", onnxName: "UINT8", bits: 8 },
  3: { protocolName: "INT8", onnxName: "INT8", bits: 8 },
  4: { protocolName: "UINT16", onnxName: "UINT16", bits: 16 },
  5: { protocolName: "INT16", onnxName: "INT16", bits: 16 },
  6: { protocolName: "INT32", onnxName: "INT32", bits: 32 },
  7: { protocolName: "INT64", onnxName: "INT64", bits: 64 },
  8: { onnxName: "STRING" },
  9: { protocolName: "BOOL", onnxName: "BOOL", bits: 8 },
  10: { protocolName: "FP16", onnxName: "FLOAT16", bits: 16 },
  11: { protocolName: "FP64", onnxName: "DOUBLE", bits: 64 },
  12: { protocolName: "UINT32", onnxName: "UINT32", bits: 32 },
  13: { protocolName: "UINT64", onnxName: "UINT64", bits: 64 },
  14: { onnxName: "COMPLEX64", bits: 64 },
  15: { onnxName: "COMPLEX128", bits: 128 },
  16: { onnxName: "BFLOAT16", bits: 16 },
  17: { onnxName: "FLOAT8E4M3FN", bits: 8 },
  18: { onnxName: "FLOAT8E4M3FNUZ", bits: 8 },
  19: { onnxName: "FLOAT8E5M2", bits: 8 },
  20: { onnxName: "FLOAT8E5M2FNUZ", bits: 8 },
  21: { onnxName: "UINT4", bits: 4 },
  22: { onnxName: "INT4", bits: 4 },
  23: { onnxName: "FLOAT4E2M1", bits: 4 },
  24: { onnxName: "FLOAT8E8M0", bits: 8 },
};

/** The protocol's name of an ONNX element type; `undefined` where it has none (strings, bfloat16, ...). */
export function protocolTypeOf(dataType: number): TensorType | undefined {
  return ELEMENT_TYPES[dataType]?.protocolName;
}

/** ONNX's own name of an element type, for messages. */
export function onnxTypeName(dataType: number): string {
  return ELEMENT_TYPES[dataType]?.onnxName ?? `data type ${dataType}`;
}

/** Bytes that `raw_data` holds for so many elements; elements below 8 bits are packed. `undefined` where it is not fixed. */
export function rawBytesOf(dataType: number, elements: number): number | undefined {
  const bits = ELEMENT_TYPES[dataType]?.bits;
  return bits === undefined ? undefined : Math.ceil((elements * bits) / 8);
}
