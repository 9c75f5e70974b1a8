import { type CodeTable, entry } from "./entry.js";

/** Models that are registered, with their manifests and golden vectors. */
export const MODEL_CODES = {
  SRT_MODEL_UNKNOWN: entry(404, "No such model or version.", "Check the name and the version."),
  SRT_MODEL_EXISTS: entry(
    409,
    "This version exists with different content.",
    "Raise the version number; versions never change.",
  ),
  SRT_MODEL_NOT_ONNX: entry(422, "The file is not an ONNX model.", "Export the network as ONNX and upload that file."),
  SRT_MODEL_UNSUPPORTED: entry(
    422,
    "The ONNX model needs something that is not supported.",
    "Read the message: it names the operator set, IR version or feature.",
  ),
  SRT_MODEL_SHAPE_MISMATCH: entry(
    422,
    "The manifest's inputs or outputs are not those of the model.",
    "Correct names, types and shapes in the manifest; the message lists both sides.",
  ),
  SRT_MODEL_LABELS_MISMATCH: entry(
    422,
    "The number of labels is not the number of classes.",
    "Give one label for each output of the model, in its order.",
  ),
  SRT_MANIFEST_INVALID: entry(
    422,
    "The model manifest does not fit its schema.",
    "Read the listed problems and correct those fields.",
  ),
  SRT_GOLDEN_INVALID: entry(
    422,
    "The golden vectors cannot be read or do not fit the manifest.",
    "Write them as safetensors with input.<name> and output.<name>.",
  ),
  SRT_GOLDEN_MISMATCH: entry(
    422,
    "The model does not reproduce its golden vectors.",
    "Recompute the golden vectors with exactly this model file.",
  ),
} as const satisfies CodeTable;
