import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SartorError } from "@sartor/shared/errors";
import { loadDrawings, renderFrame, resizeForModel, SHIFTS, type Shift } from "./camera/index.js";
import { runMain, wholeNumber } from "./command-line.js";
import { modelDirectory } from "./index.js";
import { ROAD_SIGN_CLASS_COUNT } from "./labels.js";
import { readNpy } from "./npy-reader.js";
import { RoadSignModel } from "./road-sign-model.js";

const USAGE = "usage: node dist/evaluate.js [--gtsrb FOLDER] [--model FOLDER] [--rendered N] [--seed S]";

const SIDE = 32;
const PIXELS = SIDE * SIDE * 3;
/** RGB bytes of many 32 x 32 images, one after the other, and the class of each. */
interface LabelledImages {
  readonly pixels: Uint8Array;
  readonly labels: readonly number[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      gtsrb: { type: "string" },
      model: { type: "string", default: modelDirectory },
      rendered: { type: "string", default: "4300" },
      seed: { type: "string", default: "977" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const count = wholeNumber("rendered", values.rendered, 1, 1_000_000);
  const seed = wholeNumber("seed", values.seed, 0, 2 ** 20 - 1);
  const model = await RoadSignModel.load(values.model);
  const measure = async (name: string, images: LabelledImages): Promise<void> => {
    const found = await model.classify(images.pixels);
    const correct = found.filter((classId, image) => classId === images.labels[image]).length;
    const of = images.labels.length;
    console.log(`${name}: ${((100 * correct) / of).toFixed(2)} % top-1, ${of - correct} wrong of ${of}`);
  };
  if (values.gtsrb === undefined) console.log("GTSRB test-even: not measured, no --gtsrb FOLDER given");
  else await measure("GTSRB test-even", await readTestSet(values.gtsrb));
  await measure(`rendered, seed ${seed}`, await render(count, seed, undefined));
  for (const shift of SHIFTS) await measure(`rendered with ${shift}, seed ${seed}`, await render(count, seed, shift));
}

async function readTestSet(folder: string): Promise<LabelledImages> {
  try {
    const images = readNpy(await readFile(join(folder, "test-even-images.npy")));
    const [header = "", ...rows] = (await readFile(join(folder, "test-even.csv"), "utf8")).trim().split(/\r?\n/);
    const column = header.split(",").indexOf("class_id");
    const labels = rows.map((row) => Number(row.split(",")[column]));
    if (images.shape.join() !== [labels.length, SIDE, SIDE, 3].join()) {
      throw new Error(`images have shape ${images.shape.join(" x ")}, the list has ${labels.length} rows`);
    }
    return { pixels: images.data, labels };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SartorError("SRT_CONFIG_INVALID", `No GTSRB test set can be read in '${folder}': ${reason}`, { cause });
  }
}

async function render(count: number, seed: number, shift: Shift | undefined): Promise<LabelledImages> {
  const drawings = await loadDrawings();
  const pixels = new Uint8Array(count * PIXELS);
  const labels: number[] = [];
  for (let number = 0; number < count; number++) {
    const classId = number % ROAD_SIGN_CLASS_COUNT;
    const sign = renderFrame(drawings, { seed, number, classId, ...(shift === undefined ? {} : { shift }) });
    pixels.set(await resizeForModel(sign), number * PIXELS);
    labels.push(classId);
  }
  return { pixels, labels };
}

await runMain(main);
