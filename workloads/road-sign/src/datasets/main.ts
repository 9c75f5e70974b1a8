import { parseArgs } from "node:util";
import { SartorError } from "@sartor/shared/errors";
import { DATASET_PURPOSES, type DatasetPurpose } from "@sartor/shared/protocol";
import sharp from "sharp";
import { runMain, wholeNumber } from "../command-line.js";
import { LARGEST_SEED, MOST_SAMPLES, makeDataset } from "./make-dataset.js";

const USAGE = `usage: node dist/datasets/main.js --purpose ${DATASET_PURPOSES.join("|")} --out FILE [--samples N] [--seed S]`;

function readPurpose(text: string): DatasetPurpose {
  const purpose = DATASET_PURPOSES.find((known) => known === text);
  if (purpose === undefined) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      `--purpose must be one of ${DATASET_PURPOSES.join(", ")}, not '${text}'.`,
    );
  }
  return purpose;
}

/** Writes a dataset of rendered signs for `sartor model dataset add`. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      purpose: { type: "string" },
      out: { type: "string" },
      samples: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.purpose === undefined || values.out === undefined) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  // A launcher that started us with a channel and is gone will not stop us any more.
  if (process.connected) process.once("disconnect", () => process.exit(1));
  process.channel?.unref();
  // Pictures are tiny: each takes one thread, several are made at once.
  sharp.concurrency(1);
  const samples = wholeNumber("samples", values.samples, 1, MOST_SAMPLES);
  const seed = wholeNumber("seed", values.seed, 0, LARGEST_SEED);
  await makeDataset({ purpose: readPurpose(values.purpose), samples, seed, out: values.out });
  console.log(`${samples} rendered signs are in ${values.out}`);
}

await runMain(main);
