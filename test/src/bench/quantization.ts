import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  calibrateModel,
  chooseRanges,
  describeNetwork,
  foldModel,
  quantizeStatic,
  STATIC_RECIPES,
  type StaticRecipeName,
  searchSamples,
  searchVariant,
} from "@sartor/onnx";
import { countEqualParameters } from "../quantization/qdq-parameters.js";
import { judgeVariants } from "./quantization-judge.js";
import { type BenchNetwork, benchNetworks, countSamples, samplesOf } from "./quantization-networks.js";
import { type PairedVariants, pairVariants, poolPairs, printPairs } from "./quantization-pairs.js";
import { printTable } from "./table.js";

/**
 * Our int8 variants beside those of onnxruntime.quantization from the same fp32 file and the same calibration samples: are scales and zero
 * points equal in min-max mode, which loses less, which is faster. Times are medians of interleaved single-threaded runs of batch 1; on a shared
 * machine read the ratios. Whether our searched variant is more often right than another is told by the pictures that only one of the two gets
 * right, with an exact McNemar test: by the labels, and by what fp32 says. Networks of one shape that differ in their seed are pooled at the end.
 *
 *     node test/dist/bench/quantization.js --python PYTHON_WITH_ONNXRUNTIME_1.30 [--only road-sign] [--trained FOLDER]...
 *
 * FOLDER is what control-plane/onnx/reference/train.py wrote: the same shapes with weights that were learnt; it may be given several times.
 * --images is the number of pictures that networks with drawn weights are judged by; with few, near ties decide whether classes agree.
 * Without --python only our own variants are measured.
 */
const USAGE =
  "usage: node quantization.js [--python PROGRAM] [--only NETWORK] [--trained FOLDER]... [--runs N] [--images N]";

const REFERENCE = fileURLToPath(new URL("../../../control-plane/onnx/reference/compare.py", import.meta.url));
const RECIPES: readonly StaticRecipeName[] = ["u8s8", "u8s8-reduced", "s8s8", "s8s8-symmetric"];

const { values } = parseArgs({
  options: {
    python: { type: "string" },
    only: { type: "string", default: "" },
    trained: { type: "string", multiple: true, default: [] },
    runs: { type: "string", default: "60" },
    images: { type: "string", default: "400" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const families = new Map<string, PairedVariants[][]>();
  for (const network of benchNetworks(values.only, values.trained, Number(values.images))) {
    const pairs = await bench(network);
    families.set(network.family, [...(families.get(network.family) ?? []), pairs]);
  }
  for (const [family, networks] of families) {
    if (networks.length < 2) continue;
    printPairs(`${family}: ours (searched) and theirs, ${networks.length} networks pooled`, poolPairs(networks));
  }
}

async function bench(network: BenchNetwork): Promise<PairedVariants[]> {
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
    // As many as a build takes.
    const [feeds = {}] = samplesOf(network, network.calibration, 1, 1);
    const count = countSamples(network, network.calibration);
    const most = searchSamples(count, (await describeNetwork(folded, feeds)).macs);
    const found = await searchVariant({
      model: folded,
      recipe: STATIC_RECIPES.u8s8,
      calibration,
      samples: () => samplesOf(network, network.calibration, 1, most),
    });
    const searched = `sartor u8s8 (${found.method}${found.biasCorrected ? ", bias corrected" : ""})`;
    variants.set(searched, found.quantized.model);
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
    const named = await judgeVariants(network, variants, Number(values.runs));
    const classesOf = (name: string) => named.find(({ variant }) => variant === name) ?? { variant: name, classes: [] };
    const others = named.filter(({ variant }) => variant !== searched);
    const pairs = pairVariants(classesOf(searched), others, classesOf("fp32"), network.labels);
    printPairs(`${network.name}: pictures that only ours (searched) or only theirs gets right`, pairs);
    return pairs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What onnxruntime.quantization makes of it, by configuration; empty without --python. */
function referenceVariants(folder: string, network: BenchNetwork, folded: Uint8Array): Map<string, Uint8Array> {
  const variants = new Map<string, Uint8Array>();
  if (values.python === undefined) return variants;
  writeFileSync(join(folder, "model.onnx"), folded);
  writeFileSync(join(folder, "calibration.f32"), new Uint8Array(network.calibration.buffer));
  const [input = ""] = [...samplesOf(network, network.calibration, 1, 1)].flatMap((feeds) => Object.keys(feeds));
  const shape = [countSamples(network, network.calibration), ...network.shape];
  writeFileSync(join(folder, "calibration.json"), JSON.stringify({ input, shape }));
  execFileSync(values.python, [REFERENCE, folder], { stdio: "ignore" });
  const about = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8"));
  console.log(`onnxruntime.quantization ${about.onnxruntime}`);
  for (const name of Object.keys(about.seconds)) {
    const path = join(folder, `${name}.onnx`);
    if (existsSync(path)) variants.set(name, new Uint8Array(readFileSync(path)));
  }
  return variants;
}
