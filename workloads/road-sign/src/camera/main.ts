import { parseArgs } from "node:util";
import { SartorError } from "@sartor/shared/errors";
import sharp from "sharp";
import { runMain, wholeNumber } from "../command-line.js";
import { loadDrawings } from "./drawings.js";
import { SHIFTS, type Shift } from "./render-sign.js";
import { runCamera } from "./run-camera.js";

const USAGE = `usage: node dist/camera/main.js --url http://127.0.0.1:PORT [--rate 5] [--seed 1] [--count N] [--shift ${SHIFTS.join("|")}]`;

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text.endsWith("/") ? text : `${text}/`) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new SartorError("SRT_CONFIG_INVALID", `--url must be an http or https address, not '${text}'.`);
  }
  return url;
}

function readRate(text: string): number {
  const rate = Number(text);
  if (!(rate >= 0.01 && rate <= 1000)) {
    throw new SartorError("SRT_CONFIG_INVALID", `--rate must be 0.01 to 1000 frames a second, not '${text}'.`);
  }
  return rate;
}

function readShift(text: string): Shift {
  const shift = SHIFTS.find((known) => known === text);
  if (shift === undefined) {
    throw new SartorError("SRT_CONFIG_INVALID", `--shift must be one of ${SHIFTS.join(", ")}, not '${text}'.`);
  }
  return shift;
}

/** The demo's camera as a process: it renders road signs and lets a device classify them. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      rate: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      count: { type: "string" },
      shift: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.url === undefined) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort());
  // A launcher that started us with a channel and is gone will not stop us any more.
  if (process.connected) process.once("disconnect", () => stop.abort());
  // Listening must not keep us alive once the frames are sent.
  process.channel?.unref();
  // Frames are tiny: a pool of threads would cost memory and gain nothing.
  sharp.concurrency(1);
  const options = {
    url: readUrl(values.url),
    rate: readRate(values.rate),
    seed: wholeNumber("seed", values.seed, 0, 2 ** 20 - 1),
    ...(values.count === undefined ? {} : { count: wholeNumber("count", values.count, 1, 1_000_000_000) }),
    ...(values.shift === undefined ? {} : { shift: readShift(values.shift) }),
  };
  const log = (line: string): void => console.log(`camera: ${line}`);
  const total = await runCamera(await loadDrawings(), { ...options, log, signal: stop.signal });
  log(`ended: frames ${total.frames} correct ${total.correct} failed ${total.failed}`);
}

await runMain(main);
