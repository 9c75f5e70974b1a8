import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DatasetFile } from "@sartor/onnx";
import { makeDataset } from "@sartor/road-sign";
import { buildResNet18, drawImages } from "../quantization/networks.js";
import { hasGtsrb, roadSignImages } from "../quantization/road-sign-images.js";
import { roadSignModel } from "../support/road-sign-model.js";
import { type BuildBench, type BuildInput, digestOf } from "../variant-builds/building.js";
import { versionOf } from "../variant-builds/fragile-network.js";

/** A model version that is tuned for this machine, with the samples that its variants are made from. */
export interface TunedNetwork {
  readonly name: string;
  /** What its weights and samples are, for whoever reads the tables. */
  readonly about: string;
  readonly version: BuildInput;
  readonly calibration: DatasetFile;
  /** Null where the weights are drawn: there is no accuracy to measure. */
  readonly evaluation: DatasetFile | null;
}

const CALIBRATION_SAMPLES = 300;
/** Real signs: all of GTSRB test-even. */
const TEST_EVEN_SAMPLES = 6_315;
const RENDERED_SAMPLES = 2_150;

export const NETWORKS: Readonly<Record<string, (bench: BuildBench) => Promise<TunedNetwork>>> = {
  "road-sign": (bench) => (hasGtsrb() ? realSigns(bench) : renderedSigns(bench)),
  resnet18,
};

/** The road-sign model with real signs. */
async function realSigns(bench: BuildBench): Promise<TunedNetwork> {
  const calibration = roadSignImages("train", CALIBRATION_SAMPLES);
  const evaluation = roadSignImages("test-even", TEST_EVEN_SAMPLES);
  return {
    name: "road-sign",
    about: `trained; calibrated with ${CALIBRATION_SAMPLES} training images, accuracy on all ${TEST_EVEN_SAMPLES} of GTSRB test-even`,
    version: roadSignModel(),
    calibration: bench.samples("train", calibration.images, [3, 32, 32]),
    evaluation: bench.samples("test-even", evaluation.images, [3, 32, 32], evaluation.labels),
  };
}

/** The road-sign model with rendered signs, where the real ones are not there. */
async function renderedSigns(bench: BuildBench): Promise<TunedNetwork> {
  const make = async (purpose: "calibration" | "evaluation", samples: number): Promise<DatasetFile> => {
    const path = join(bench.folder, `${purpose}.safetensors`);
    await makeDataset({ purpose, samples, seed: 1, out: path });
    const digest = digestOf(readFileSync(path));
    return { path, datasetId: "01J00000000000000000000000", name: purpose, digest, samples };
  };
  return {
    name: "road-sign",
    about: `trained; calibrated with ${CALIBRATION_SAMPLES} rendered signs, accuracy on ${RENDERED_SAMPLES} others`,
    version: roadSignModel(),
    calibration: await make("calibration", CALIBRATION_SAMPLES),
    evaluation: await make("evaluation", RENDERED_SAMPLES),
  };
}

/** A network of ResNet18's shape with drawn weights, as it is run on ImageNet. */
async function resnet18(bench: BuildBench): Promise<TunedNetwork> {
  const side = 224;
  const shape = [3, side, side];
  const [calibrationSamples, goldenVectors] = [24, 8];
  const version = await versionOf(buildResNet18(side), drawImages(goldenVectors, side, 3), shape, 1000);
  return {
    name: "resnet18",
    about: `drawn weights, ${side} x ${side}; calibrated with ${calibrationSamples} drawn pictures`,
    version,
    calibration: bench.samples("drawn", drawImages(calibrationSamples, side, 1), shape),
    evaluation: null,
  };
}
