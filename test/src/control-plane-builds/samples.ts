import {
  readGoldenVectors,
  type Tensor,
  tensorFrom,
  viewElements,
  writeSafetensors,
} from "@sartor/shared/domain/tensor";
import type { DatasetPurpose, DatasetView, ErrorReply } from "@sartor/shared/protocol";
import type { RunningControlPlane } from "../support/control-plane.js";
import { type RestReply, rest } from "../support/enrolled-device.js";
import { register, upload } from "../support/registering.js";
import { buildTinyClassifier, randomPixels, type TinyModelOptions } from "../support/tiny-model.js";

/** Width and height of the model's images: small, so that builds take seconds. */
const SIDE = 16;
export const SHAPE: TinyModelOptions = { width: SIDE, height: SIDE, classes: 6, goldenVectors: 4 };

/** A classifier to build variants of. */
export const classifier = (options: TinyModelOptions = {}) => buildTinyClassifier({ ...SHAPE, ...options });

/** Samples of a classifier with the classes that it names in float64, as tensors: its images are those of golden vectors that nobody else uses. */
export function sampleTensors(count: number, from: number): { image: Tensor; labels: Tensor } {
  const model = classifier({ goldenVectors: from + count });
  const { inputs, outputs } = readGoldenVectors(model.golden, model.manifest);
  const [image, logits] = [inputs[0], outputs[0]];
  if (image === undefined || logits === undefined) throw new Error("no golden vectors");
  const classes = model.manifest.labels.length;
  const values = viewElements(logits as Tensor & { dataType: "FP32" });
  const labels = Int32Array.from({ length: count }, (_, index) => {
    const row = [...values.subarray((from + index) * classes, (from + index + 1) * classes)];
    return row.indexOf(Math.max(...row));
  });
  const size = 3 * SIDE * SIDE;
  const pixels = viewElements(image as Tensor & { dataType: "FP32" }).slice(from * size, (from + count) * size);
  return {
    image: tensorFrom("image", "FP32", [count, 3, SIDE, SIDE], pixels),
    labels: tensorFrom("labels", "INT32", [count], labels),
  };
}

/** A dataset with labels: FP32 tensors. */
export function labelledSamples(count: number, from = 100): Uint8Array {
  const { image, labels } = sampleTensors(count, from);
  return writeSafetensors([image, labels]);
}

/** A dataset of pictures without labels. */
export function pictures(count: number, seed = 7): Uint8Array {
  const size = SIDE * SIDE * 3;
  const data = new Uint8Array(count * size);
  for (let index = 0; index < count; index++) data.set(randomPixels(SIDE, SIDE, seed * 10_000 + index), index * size);
  return writeSafetensors([{ name: "images", dataType: "UINT8", shape: [count, SIDE, SIDE, 3], data }]);
}

/** Uploads samples and adds them to a model. */
export async function addDataset(
  controlPlane: RunningControlPlane,
  name: string,
  purpose: DatasetPurpose,
  content: Uint8Array,
  model = "tiny",
): Promise<RestReply<DatasetView & ErrorReply>> {
  const { digest } = (await upload(controlPlane, content)).body;
  return rest(controlPlane, "POST", `/api/v1/models/${model}/datasets`, { name, purpose, content: digest });
}

/** A control plane with a version and a dataset for each purpose. */
export async function prepare(
  controlPlane: RunningControlPlane,
): Promise<{ calibration: DatasetView; evaluation: DatasetView }> {
  const { status, body } = await register(controlPlane, classifier());
  if (status !== 201) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
  const calibration = await addDataset(controlPlane, "field", "calibration", pictures(48));
  const evaluation = await addDataset(controlPlane, "test", "evaluation", labelledSamples(120));
  for (const { status, body } of [calibration, evaluation]) {
    if (status !== 201) throw new Error(`the dataset was answered with ${status}: ${JSON.stringify(body)}`);
  }
  return { calibration: calibration.body, evaluation: evaluation.body };
}
