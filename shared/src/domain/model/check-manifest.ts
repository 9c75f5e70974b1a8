import { SartorError } from "../../errors/index.js";
import type { ModelManifest, TensorSpec, TensorType } from "../../protocol/index.js";

/** One input or output, as the model or a runtime that loaded it says. */
export interface ModelTensor {
  readonly name: string;
  readonly dataType: TensorType;
  /** Dimensions, -1 for one that is symbolic or not stated; `null` where the model states no shape at all. */
  readonly shape: readonly number[] | null;
}

/** What a model takes and gives. */
export interface ModelSignature {
  readonly inputs: readonly ModelTensor[];
  readonly outputs: readonly ModelTensor[];
}

/**
 * Holds a manifest against the model it describes: names, types and shapes of inputs and outputs, the pre-processing's image size, and one
 * label a class. The control plane asks before it accepts a version, the device before it serves: one rule, so that nothing is
 * accepted that every device would refuse.
 *
 * @throws SartorError SRT_MODEL_SHAPE_MISMATCH or SRT_MODEL_LABELS_MISMATCH; the message names both sides
 */
export function checkManifest(model: ModelSignature, manifest: ModelManifest): void {
  checkSide("input", model.inputs, manifest.inputs);
  checkSide("output", model.outputs, manifest.outputs);
  checkPreprocessing(manifest);
  checkLabels(manifest);
}

function checkSide(kind: string, model: readonly ModelTensor[], manifest: readonly TensorSpec[]): void {
  const byName = new Map(model.map((tensor) => [tensor.name, tensor]));
  const fits =
    model.length === manifest.length &&
    new Set(manifest.map(({ name }) => name)).size === manifest.length &&
    manifest.every((spec) => {
      const tensor = byName.get(spec.name);
      return tensor !== undefined && tensor.dataType === spec.dataType && shapesFit(tensor.shape, spec.shape);
    });
  if (fits) return;
  const modelSide = model.map(written).join(", ") || "none";
  const manifestSide = manifest.map(written).join(", ");
  throw new SartorError(
    "SRT_MODEL_SHAPE_MISMATCH",
    `The model's ${kind}s are ${modelSide}; the manifest says ${manifestSide}.`.slice(0, 2048),
    { details: { side: kind, model: modelSide.slice(0, 1024), manifest: manifestSide.slice(0, 1024) } },
  );
}

/** A dimension that the model leaves open may be stated by the manifest; one that it fixes must be the same. */
function shapesFit(model: readonly number[] | null, manifest: readonly number[]): boolean {
  if (model === null) return true;
  return (
    model.length === manifest.length &&
    model.every((dimension, axis) => dimension === -1 || dimension === manifest[axis])
  );
}

/** The image must become the only input: float32, N x C x H x W or N x H x W x C with three channels, one image at a time or any number. */
function checkPreprocessing({ inputs, preprocessing }: ModelManifest): void {
  const shape = inputs[0]?.shape ?? [];
  const { width, height, layout } = preprocessing;
  const image = layout === "nchw" ? [3, height, width] : [height, width, 3];
  const fits =
    inputs.length === 1 &&
    inputs[0]?.dataType === "FP32" &&
    shape.length === 4 &&
    (shape[0] === -1 || shape[0] === 1) &&
    image.every((size, axis) => shape[axis + 1] === size || shape[axis + 1] === -1);
  if (fits) return;
  throw new SartorError(
    "SRT_MODEL_SHAPE_MISMATCH",
    `The pre-processing makes one FP32 tensor [-1, ${image.join(", ")}] (${layout}); the model takes ${inputs.map(written).join(", ")}.`.slice(
      0,
      2048,
    ),
    { details: { side: "preprocessing" } },
  );
}

function checkLabels({ outputs, labels }: ModelManifest): void {
  const first = outputs[0];
  const classes = first?.shape.at(-1);
  if (first === undefined || classes === undefined || classes === -1 || first.shape.length !== 2) {
    throw new SartorError(
      "SRT_MODEL_LABELS_MISMATCH",
      `A classifier's first output has the shape [batch, classes]; here it is ${first ? written(first) : "missing"}.`,
    );
  }
  if (classes !== labels.length) {
    throw new SartorError(
      "SRT_MODEL_LABELS_MISMATCH",
      `The manifest has ${labels.length} labels; the output ${first.name} has ${classes} classes.`,
      { details: { labels: labels.length, classes } },
    );
  }
}

function written(tensor: Pick<ModelTensor, "name" | "dataType" | "shape">): string {
  return `${tensor.name} ${tensor.dataType} ${tensor.shape === null ? "(no shape)" : `[${tensor.shape.join(", ")}]`}`;
}
