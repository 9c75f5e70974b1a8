import { SartorError } from "@sartor/shared/errors";
import type { ModelManifest, TensorSpec } from "@sartor/shared/protocol";
import type { LoadedModel } from "../adapter.js";

const show = (specs: readonly TensorSpec[]): string =>
  specs.map(({ name, dataType, shape }) => `${name} ${dataType} [${shape}]`).join(", ") || "none";

/** The manifest may fix a dimension that the model leaves open, never the reverse. */
function fits(promised: TensorSpec, real: TensorSpec): boolean {
  return (
    promised.name === real.name &&
    promised.dataType === real.dataType &&
    promised.shape.length === real.shape.length &&
    promised.shape.every((size, axis) => size === real.shape[axis] || real.shape[axis] === -1)
  );
}

function checkSide(side: "inputs" | "outputs", manifest: ModelManifest, model: LoadedModel): void {
  const [promised, real] = [manifest[side], model[side]];
  const all = promised.length === real.length && promised.every((spec) => real.some((one) => fits(spec, one)));
  if (!all) {
    throw new SartorError(
      "SRT_MODEL_SHAPE_MISMATCH",
      `The manifest's ${side} are ${show(promised)}; the model's are ${show(real)}.`,
    );
  }
}

/**
 * Checks a loaded model against its manifest, so that a wrong bundle fails at its probe and not at a request.
 * @throws SartorError SRT_MODEL_SHAPE_MISMATCH or SRT_MODEL_LABELS_MISMATCH.
 */
export function checkModelFitsManifest(model: LoadedModel, manifest: ModelManifest): void {
  checkSide("inputs", manifest, model);
  checkSide("outputs", manifest, model);
  const { layout, height, width } = manifest.preprocessing;
  const image = layout === "nchw" ? [3, height, width] : [height, width, 3];
  const input = manifest.inputs[0];
  const rows = input?.shape[0];
  const takesImage =
    manifest.inputs.length === 1 &&
    input?.dataType === "FP32" &&
    input.shape.length === 4 &&
    (rows === -1 || rows === 1) &&
    image.every((size, axis) => input.shape[axis + 1] === size || input.shape[axis + 1] === -1);
  if (!takesImage) {
    throw new SartorError(
      "SRT_MODEL_SHAPE_MISMATCH",
      `Images become one FP32 tensor of [-1,${image}]; the model takes ${show(manifest.inputs)}.`,
    );
  }
  const classes = manifest.outputs[0]?.shape.at(-1);
  if (classes !== undefined && classes !== -1 && classes !== manifest.labels.length) {
    throw new SartorError(
      "SRT_MODEL_LABELS_MISMATCH",
      `The model has ${classes} classes, the manifest ${manifest.labels.length} labels.`,
    );
  }
}
