import { fromBinary } from "@bufbuild/protobuf";
import { SartorError } from "@sartor/shared/errors";
import { type GraphProto, type ModelProto, ModelProtoSchema } from "onnx-buf";

/** A decoded model that has a graph. */
export interface DecodedModel {
  readonly model: ModelProto;
  readonly graph: GraphProto;
}

/** Deepest nesting of messages that is read; a subgraph costs three levels (attribute, graph, node). */
const MAXIMUM_DEPTH = 96;

/** Starts of files that people upload by mistake, to say what was sent instead. */
const FAMILIAR_FILES: readonly { readonly name: string; readonly start: readonly number[] }[] = [
  { name: "a PNG image", start: [0x89, 0x50, 0x4e, 0x47] },
  { name: "a JPEG image", start: [0xff, 0xd8, 0xff] },
  { name: "a zip archive (a PyTorch checkpoint is one)", start: [0x50, 0x4b, 0x03, 0x04] },
  { name: "a gzip archive", start: [0x1f, 0x8b] },
  { name: "a JSON text", start: [0x7b] },
  { name: "an HDF5 file (Keras)", start: [0x89, 0x48, 0x44, 0x46] },
  { name: "an ELF program", start: [0x7f, 0x45, 0x4c, 0x46] },
];

/**
 * Decodes an ONNX protobuf. Tensor data is not copied: it stays a view into `bytes`.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX where the bytes are not a whole ONNX model
 */
export function decodeModel(bytes: Uint8Array): DecodedModel {
  if (bytes.byteLength === 0) throw notOnnx("The file is empty.");
  const familiar = FAMILIAR_FILES.find(({ start }) => start.every((byte, index) => bytes[index] === byte));
  if (familiar !== undefined) throw notOnnx(`The file is ${familiar.name}, not an ONNX model.`);
  // A Buffer may be a slice of Node's shared pool; the decoder's views must not depend on it.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, view, { readUnknownFields: false, recursionLimit: MAXIMUM_DEPTH });
  } catch (cause) {
    throw notOnnx("The file is not an ONNX protobuf, or it is cut off.", cause);
  }
  if (model.irVersion <= 0n) throw notOnnx("The file has no ONNX IR version.");
  if (model.graph === undefined) throw notOnnx("The model has no graph.");
  return { model, graph: model.graph };
}

/** An SRT_MODEL_NOT_ONNX. */
export function notOnnx(message: string, cause?: unknown): SartorError {
  return new SartorError("SRT_MODEL_NOT_ONNX", message, cause === undefined ? {} : { cause });
}
