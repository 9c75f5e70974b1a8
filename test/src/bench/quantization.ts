import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type CalibrationFeeds,
  calibrateModel,
  chooseRanges,
  decibels,
  describeNetwork,
  foldModel,
  noiseBetween,
  powerOf,
  quantizeStatic,
  runOutputs,
  STATIC_RECIPES,
  type StaticRecipeName,
  searchSamples,
  searchVariant,
} from "@sartor/onnx";
import * as ort from "onnxruntime-node";
import { buildMobileNetV2, buildResNet18, drawImages } from "../quantization/networks.js";
import { countEqualParameters } from "../quantization/qdq-parameters.js";
import { hasGtsrb, roadSignImages } from "../quantization/road-sign-images.js";
import { enlargedRoadSigns, TRAINED_SIDE, trainedNetworks } from "../quantization/trained-networks.js";
import { roadSignModel } from "../support/road-sign-model.js";
import { printTable } from "./table.js";

/**
 * Our int8 variants beside those of onnxruntime.quantization from the same fp32 file and the same calibration samples: are scales and zero
 * points equal in min-max mode, which loses less, which is faster. Times are medians of interleaved single-threaded runs of batch 1; on a shared
 * machine read the ratios.
 *
 *     node test/dist/bench/quantization.js --python PYTHON_WITH_ONNXRUNTIME_1.30 [--only road-sign] [--trained FOLDER]
 *
 * FOLDER is what control-plane/onnx/reference/train.py wrote: the same shapes with weights that were learnt.
 * --images is the number of pictures that networks with drawn weights are judged by; with few, near ties decide whether classes agree.
 * Without --python only our own variants are measured.
 */
const USAGE =
  "usage: node quantization.js [--python PROGRAM] [--only NETWORK] [--trained FOLDER] [--runs N] [--images N]";

interface Network {
  readonly name: string;
  readonly model: Uint8Array;
  readonly shape: readonly number[];
  readonly calibration: Float32Array;
  readonly evaluation: Float32Array;
  /** True classes, where there are any. */
  readonly labels?: readonly number[];
}

const REFERENCE = fileURLToPath(new URL("../../../control-plane/onnx/reference/compare.py", import.meta.url));
const RECIPES: readonly StaticRecipeName[] = ["u8s8", "u8s8-reduced", "s8s8", "s8s8-symmetric"];

const { values } = parseArgs({
  options: {
    python: { type: "string" },
    only: { type: "string" },
    trained: { type: "string" },
    runs: { type: "string", default: "60" },
    images: { type: "string", default: "400" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  for (const network of networks()) {
    if (values.only !== undefined && !network.name.startsWith(values.only)) continue;
    await bench(network);
  }
}

function* networks(): Generator<Network> {
  if (hasGtsrb()) {
    const calibration = roadSignImages("train", 300);
    const evaluation = roadSignImages("test-even", 6315);
    yield {
      name: "road-sign",
      model: roadSignModel().onnx,
      shape: [3, 32, 32],
      calibration: calibration.images,
      evaluation: evaluation.images,
      labels: evaluation.labels,
    };
    for (const { name, model } of values.trained === undefined ? [] : trainedNetworks(values.trained)) {
      const calibration = enlargedRoadSigns("train", 300);
      const evaluation = enlargedRoadSigns("test-even", 6315);
      yield {
        name,
        model,
        shape: [3, TRAINED_SIDE, TRAINED_SIDE],
        calibration: calibration.images,
        evaluation: evaluation.images,
        labels: evaluation.labels,
      };
    }
  } else console.log("road signs: not measured, the images are not there");
  for (const [name, build] of [
    ["resnet18", buildResNet18],
    ["mobilenet-v2", buildMobileNetV2],
  ] as const) {
    const side = 224;
    yield {
      name,
      model: build(side),
      shape: [3, side, side],
      calibration: drawImages(24, side, 1),
      evaluation: drawImages(Number(values.images), side, 2),
    };
  }
}

async function bench(network: Network): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-quantization-"));
  try {
    const folded = await foldModel(network.model);
    const variants = new Map<string, Uint8Array>([["fp32", folded]]);
    const rows: string[][] = [];
    const reference = referenceVariants(folder, network, folded);
    for (const [name, model] of reference) variants.set(`onnxruntime ${name}`, model);
    const started = performance.now();
    const calibration = await calibrateModel(folded, samplesOf(network, network.calibration, 1));
    const calibrated = performance.now() - started;
    for (const name of RECIPES) {
      const recipe = STATIC_RECIPES[name];
      const activation = { type: recipe.activation, symmetric: recipe.symmetricActivations };
      const quantized = quantizeStatic(folded, { recipe, ranges: chooseRanges(calibration, "min-max", activation) });
      const theirs = reference.get(name);
      if (theirs !== undefined) {
        const { equal, different, missing } = countEqualParameters(quantized.model, theirs);
        rows.push([name, String(equal), String(different), String(missing)]);
      }
      if (name === "u8s8" || name === "s8s8") variants.set(`sartor ${name} min-max`, quantized.model);
    }
    const count = network.calibration.length / network.shape.reduce((product, size) => product * size, 1);
    // As many as a build takes.
    const [feeds = {}] = samplesOf(network, network.calibration, 1, 1);
    const most = searchSamples(count, (await describeNetwork(folded, feeds)).macs);
    const found = await searchVariant({
      model: folded,
      recipe: STATIC_RECIPES.u8s8,
      calibration,
      samples: () => samplesOf(network, network.calibration, 1, most),
    });
    variants.set(
      `sartor u8s8 (${found.method}${found.biasCorrected ? ", bias corrected" : ""})`,
      found.quantized.model,
    );
    console.log(
      `\n${network.name}: calibration ${calibrated.toFixed(0)} ms, all ${(performance.now() - started).toFixed(0)} ms`,
    );
    if (rows.length > 0) {
      printTable(
        "Parity, min-max: tensors whose scale, zero point and integers are equal bit for bit",
        ["recipe", "equal", "different", "not in theirs"],
        rows,
      );
    }
    await measure(network, variants);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What onnxruntime.quantization makes of it, by configuration; empty without --python. */
function referenceVariants(folder: string, network: Network, folded: Uint8Array): Map<string, Uint8Array> {
  const variants = new Map<string, Uint8Array>();
  if (values.python === undefined) return variants;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "model.onnx"), folded);
  writeFileSync(join(folder, "calibration.f32"), new Uint8Array(network.calibration.buffer));
  const [input = ""] = [...samplesOf(network, network.calibration, 1, 1)].flatMap((feeds) => Object.keys(feeds));
  const count = network.calibration.length / network.shape.reduce((product, size) => product * size, 1);
  writeFileSync(join(folder, "calibration.json"), JSON.stringify({ input, shape: [count, ...network.shape] }));
  execFileSync(values.python, [REFERENCE, folder], { stdio: "ignore" });
  const about = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8"));
  console.log(`onnxruntime.quantization ${about.onnxruntime}`);
  for (const name of Object.keys(about.seconds)) {
    const path = join(folder, `${name}.onnx`);
    if (existsSync(path)) variants.set(name, new Uint8Array(readFileSync(path)));
  }
  return variants;
}

/** Runs of a set's samples; `most` of them, one a run, where that is fewer than there are. */
function* samplesOf(
  { shape }: Network,
  images: Float32Array,
  batch: number,
  most = Number.POSITIVE_INFINITY,
): Generator<CalibrationFeeds> {
  const length = shape.reduce((product, size) => product * size, 1);
  const all = images.length / length;
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

async function measure(network: Network, variants: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const times = await interleavedTimes(network, variants);
  const exact = await outputs(network, variants.get("fp32") ?? new Uint8Array());
  const rows: string[][] = [];
  for (const [name, model] of variants) {
    const got = await outputs(network, model);
    const fit = decibels({ signal: powerOf(exact.values), noise: noiseBetween(exact.values, got.values) });
    const agreement = share(got.classes, exact.classes);
    const accuracy = network.labels === undefined ? "" : percent(share(got.classes, network.labels));
    const time = times.get(name) ?? 0;
    const ratio = time / (times.get("fp32") ?? 1);
    rows.push([
      name,
      accuracy,
      percent(agreement),
      fit.toFixed(2),
      time.toFixed(3),
      ratio.toFixed(2),
      (model.length / 1e6).toFixed(2),
    ]);
  }
  printTable(network.name, ["variant", "accuracy %", "agrees %", "SQNR dB", "ms", "of fp32", "MB"], rows);
}

async function outputs(network: Network, model: Uint8Array): Promise<{ values: Float32Array; classes: number[] }> {
  const parts: Float32Array[] = [];
  const classes: number[] = [];
  for await (const { samples, values: logits } of runOutputs(model, samplesOf(network, network.evaluation, 8))) {
    parts.push(logits.slice());
    const length = logits.length / samples;
    for (let sample = 0; sample < samples; sample++) {
      const row = logits.subarray(sample * length, (sample + 1) * length);
      classes.push(row.indexOf(Math.max(...row)));
    }
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { values: all, classes };
}

/** Median time of a run of batch 1 by variant, ms; every round runs each variant once, so that noise hits all alike. */
async function interleavedTimes(
  network: Network,
  variants: ReadonlyMap<string, Uint8Array>,
): Promise<Map<string, number>> {
  const [feeds = {}] = samplesOf(network, network.evaluation, 1, 1);
  const sessions: { name: string; session: ort.InferenceSession; times: number[] }[] = [];
  for (const [name, model] of variants) {
    const session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    sessions.push({ name, session, times: [] });
  }
  const tensors = Object.fromEntries(
    Object.entries(feeds).map(([name, { data, shape }]) => [name, new ort.Tensor("float32", data, [...shape])]),
  );
  for (let round = 0; round < Number(values.runs); round++) {
    for (const { session, times } of sessions) {
      const start = performance.now();
      await session.run(tensors);
      if (round > 2) times.push(performance.now() - start);
    }
  }
  for (const { session } of sessions) await session.release();
  return new Map(sessions.map(({ name, times }) => [name, times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0]));
}

function share(a: readonly number[], b: readonly number[]): number {
  return a.filter((value, index) => value === b[index]).length / a.length;
}

function percent(value: number): string {
  return (value * 100).toFixed(2);
}
