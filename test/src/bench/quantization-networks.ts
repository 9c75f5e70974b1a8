import type { CalibrationFeeds } from "@sartor/onnx";
import { buildMobileNetV2, buildResNet18, drawImages } from "../quantization/networks.js";
import { hasGtsrb, roadSignImages } from "../quantization/road-sign-images.js";
import { enlargedRoadSigns, TRAINED_SIDE, trainedNetworks } from "../quantization/trained-networks.js";
import { roadSignModel } from "../support/road-sign-model.js";

/** A network to quantize, with what it is calibrated and judged by. */
export interface BenchNetwork {
  readonly name: string;
  /** The same for networks that differ only in the seed they were trained with. */
  readonly family: string;
  readonly model: Uint8Array;
  readonly shape: readonly number[];
  readonly calibration: Float32Array;
  readonly evaluation: Float32Array;
  /** True classes, where there are any. */
  readonly labels?: readonly number[];
}

const CALIBRATION_IMAGES = 300;
/** All of GTSRB test-even. */
const EVALUATION_IMAGES = 6315;
const DRAWN_SIDE = 224;

/**
 * The networks of the benchmark, one at a time, as each holds its pictures.
 *
 * @param only how the names of those that are wanted begin
 * @param trained folders that control-plane/onnx/reference/train.py wrote
 * @param images pictures that networks with drawn weights are judged by
 */
export function* benchNetworks(only: string, trained: readonly string[], images: number): Generator<BenchNetwork> {
  if (hasGtsrb()) {
    if ("road-sign".startsWith(only)) {
      const model = roadSignModel().onnx;
      yield { name: "road-sign", family: "road-sign", model, shape: [3, 32, 32], ...realSigns(roadSignImages) };
    }
    for (const folder of trained) {
      for (const { name, seed, model } of trainedNetworks(folder)) {
        const family = `${name}, trained`;
        const full = `${family}, seed ${seed}`;
        if (!full.startsWith(only)) continue;
        yield { name: full, family, model, shape: [3, TRAINED_SIDE, TRAINED_SIDE], ...realSigns(enlargedRoadSigns) };
      }
    }
  } else console.log("road signs: not measured, the images are not there");
  for (const [name, build] of [
    ["resnet18", buildResNet18],
    ["mobilenet-v2", buildMobileNetV2],
  ] as const) {
    if (!name.startsWith(only)) continue;
    yield {
      name,
      family: name,
      model: build(DRAWN_SIDE),
      shape: [3, DRAWN_SIDE, DRAWN_SIDE],
      calibration: drawImages(24, DRAWN_SIDE, 1),
      evaluation: drawImages(images, DRAWN_SIDE, 2),
    };
  }
}

function realSigns(read: typeof roadSignImages): Pick<BenchNetwork, "calibration" | "evaluation" | "labels"> {
  const { images, labels } = read("test-even", EVALUATION_IMAGES);
  return { calibration: read("train", CALIBRATION_IMAGES).images, evaluation: images, labels };
}

/** Samples of a set that a network reads. */
export function countSamples({ shape }: BenchNetwork, images: Float32Array): number {
  return images.length / shape.reduce((product, size) => product * size, 1);
}

/** Runs of a set's samples; `most` of them, one a run, where that is fewer than there are. */
export function* samplesOf(
  network: BenchNetwork,
  images: Float32Array,
  batch: number,
  most = Number.POSITIVE_INFINITY,
): Generator<CalibrationFeeds> {
  const { shape } = network;
  const all = countSamples(network, images);
  const length = images.length / all;
  if (most < all) {
    // Spread evenly, as a build does: files of samples are often in the order of their classes.
    for (let index = 0; index < most; index++) {
      const from = Math.floor((index * all) / most);
      yield { image: { shape: [1, ...shape], data: images.subarray(from * length, (from + 1) * length) } };
    }
    return;
  }
  for (let from = 0; from < all; from += batch) {
    const here = Math.min(batch, all - from);
    yield { image: { shape: [here, ...shape], data: images.subarray(from * length, (from + here) * length) } };
  }
}
