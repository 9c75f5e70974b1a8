import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runMain, wholeNumber } from "../command-line.js";
import { ROAD_SIGN_CLASS_COUNT } from "../labels.js";
import { loadDrawings } from "./drawings.js";
import { renderFrame, resizeForModel } from "./frames.js";
import { npyHeader } from "./npy.js";

const USAGE = "usage: node dist/camera/export.js --out FOLDER --name train|holdout --count N --seed S";

/**
 * Writes rendered signs for training: FOLDER/NAME-images.npy, uint8 (N, 32, 32, 3), and FOLDER/NAME.csv with index and
 * class_id. Classes take turns, so each has N / 43 images. Use another seed for the hold-out than for training.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      name: { type: "string", default: "train" },
      count: { type: "string", default: "43000" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.out === undefined) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const count = wholeNumber("count", values.count, 1, 1_000_000);
  const seed = wholeNumber("seed", values.seed, 0, 2 ** 20 - 1);
  const drawings = await loadDrawings();
  await mkdir(values.out, { recursive: true });
  const rows = ["index,class_id"];
  const file = await open(join(values.out, `${values.name}-images.npy`), "w");
  try {
    await file.write(npyHeader([count, 32, 32, 3]));
    for (let number = 0; number < count; number++) {
      const classId = number % ROAD_SIGN_CLASS_COUNT;
      const sign = renderFrame(drawings, { seed, number, classId });
      // Servers differ in how they scale a picture down; both ways are learnt.
      await file.write(await resizeForModel(sign, number % 2 === 0 ? "lanczos3" : "linear"));
      rows.push(`${number},${classId}`);
    }
  } finally {
    await file.close();
  }
  await writeFile(join(values.out, `${values.name}.csv`), `${rows.join("\n")}\n`);
  console.log(`${count} rendered signs in ${values.out}`);
}

await runMain(main);
