import { open, rename, rm } from "node:fs/promises";
import { SartorError } from "@sartor/shared/errors";
import type { DatasetPurpose } from "@sartor/shared/protocol";
import { deviceView, loadDrawings, MODEL_SIDE, renderFrame } from "../camera/index.js";
import { ROAD_SIGN_CLASS_COUNT } from "../labels.js";
import { datasetHead } from "./dataset-file.js";

/** Most samples of one dataset: 614 MB of pixels. */
export const MOST_SAMPLES = 200_000;
/** Largest seed of a series of frames. */
export const LARGEST_SEED = 2 ** 20 - 1;
/**
 * Where each purpose begins to number its frames. The demo's cameras and the training count from 0, so that no sample was trained on,
 * and no evaluation sample has calibrated anything, whatever the seeds are.
 */
const FIRST_FRAME: Readonly<Record<DatasetPurpose, number>> = { calibration: 2 ** 30, evaluation: 2 ** 31 };
/** Frames that wait for their picture at once: drawing uses this thread, encoding and decoding those of libuv. */
const IN_FLIGHT = 8;

/** What to make. The same options give the same bytes. */
export interface DatasetOptions {
  readonly purpose: DatasetPurpose;
  /** How many signs; classes take turns, so each has samples / 43. */
  readonly samples: number;
  /** 0 to 2^20 - 1. */
  readonly seed: number;
  /** The file; written beside it first, so that what stands here is whole. */
  readonly out: string;
}

/**
 * Writes a dataset of rendered road signs as the control plane takes it: a safetensors file with `images` (UINT8, samples x 32 x 32 x 3,
 * RGB, as a device's model would see them) and `labels` (INT32, samples).
 *
 * @throws SartorError SRT_INVALID_REQUEST for options outside their range, SRT_CONFIG_INVALID when the drawings are missing
 */
export async function makeDataset(options: DatasetOptions): Promise<void> {
  const { purpose, samples, seed, out } = options;
  requireCount("samples", samples, 1, MOST_SAMPLES);
  requireCount("seed", seed, 0, LARGEST_SEED);
  const labels = Int32Array.from({ length: samples }, (_, sample) => sample % ROAD_SIGN_CLASS_COUNT);
  const drawings = await loadDrawings();
  const draw = (sample: number): Promise<Uint8Array> => {
    const number = FIRST_FRAME[purpose] + sample;
    const view = deviceView(renderFrame(drawings, { seed, number, classId: labels[sample] }), number);
    // It is awaited in its turn; until then another's failure may have ended the whole.
    view.catch(() => undefined);
    return view;
  };
  const part = `${out}.part`;
  const file = await open(part, "w");
  try {
    await file.write(datasetHead(labels, MODEL_SIDE, { source: `rendered road signs, ${purpose}, seed ${seed}` }));
    const waiting: Promise<Uint8Array>[] = [];
    for (let sample = 0; sample < samples || waiting.length > 0; sample++) {
      if (sample < samples) waiting.push(draw(sample));
      const next = sample < samples && waiting.length < IN_FLIGHT ? undefined : waiting.shift();
      if (next !== undefined) await file.write(await next);
    }
    await file.sync();
    await file.close();
    await rename(part, out);
  } catch (error) {
    await file.close();
    await rm(part, { force: true });
    throw error;
  }
}

function requireCount(name: string, value: number, low: number, high: number): void {
  if (!Number.isSafeInteger(value) || value < low || value > high) {
    throw new SartorError(
      "SRT_INVALID_REQUEST",
      `${name} must be a whole number from ${low} to ${high}, not ${value}.`,
    );
  }
}
