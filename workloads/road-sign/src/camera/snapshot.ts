import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runMain, wholeNumber } from "../command-line.js";
import { ROAD_SIGN_CLASS_COUNT, ROAD_SIGN_LABELS } from "../labels.js";
import { loadDrawings } from "./drawings.js";
import { encodeSign } from "./encode.js";
import { renderFrame } from "./frames.js";

const USAGE = "usage: node dist/camera/snapshot.js --class 0..42 --out FILE.png [--seed S]";

/** Writes one rendered sign as a PNG, to try a device's endpoint with. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      class: { type: "string" },
      out: { type: "string" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.class === undefined || values.out === undefined) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const classId = wholeNumber("class", values.class, 0, ROAD_SIGN_CLASS_COUNT - 1);
  const seed = wholeNumber("seed", values.seed, 0, 2 ** 20 - 1);
  const sign = renderFrame(await loadDrawings(), { seed, number: 0, classId });
  await writeFile(values.out, await encodeSign(sign, { kind: "png" }));
  console.log(`${ROAD_SIGN_LABELS[classId]} is in ${values.out}`);
}

await runMain(main);
