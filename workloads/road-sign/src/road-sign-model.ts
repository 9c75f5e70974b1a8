import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { ROAD_SIGN_CLASS_COUNT } from "./labels.js";

const SIDE = 32;
const PLANE = SIDE * SIDE;
/** Images in one run of the network. */
const BATCH = 128;

interface Preprocessing {
  readonly mean: readonly number[];
  readonly standardDeviation: readonly number[];
}

/**
 * The shipped model run directly, without an agent: the yardstick for what a device answers. It reads as much of the manifest
 * as it needs and trusts it.
 */
export class RoadSignModel {
  readonly #session: ort.InferenceSession;
  readonly #preprocessing: Preprocessing;

  private constructor(session: ort.InferenceSession, preprocessing: Preprocessing) {
    this.#session = session;
    this.#preprocessing = preprocessing;
  }

  /** Loads `road-sign.onnx` and `manifest.json` of a folder. @throws Error when a file is missing or not what its name says */
  static async load(folder: string): Promise<RoadSignModel> {
    const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as {
      readonly preprocessing: Preprocessing;
    };
    const session = await ort.InferenceSession.create(join(folder, "road-sign.onnx"), { intraOpNumThreads: 1 });
    return new RoadSignModel(session, manifest.preprocessing);
  }

  /** @param pixels RGB bytes of N images of 32 x 32, one after the other @returns the most likely class of each */
  async classify(pixels: Uint8Array): Promise<number[]> {
    const images = pixels.length / (PLANE * 3);
    const classes: number[] = [];
    for (let start = 0; start < images; start += BATCH) {
      const count = Math.min(BATCH, images - start);
      const part = pixels.subarray(start * PLANE * 3, (start + count) * PLANE * 3);
      const logits = await this.run(this.#prepare(part, count));
      for (let image = 0; image < count; image++) {
        const row = logits.subarray(image * ROAD_SIGN_CLASS_COUNT, (image + 1) * ROAD_SIGN_CLASS_COUNT);
        classes.push(row.indexOf(Math.max(...row)));
      }
    }
    return classes;
  }

  /** @param prepared float32 N x 3 x 32 x 32, pre-processed @returns logits, N x 43 */
  async run(prepared: Float32Array): Promise<Float32Array> {
    const shape = [prepared.length / (PLANE * 3), 3, SIDE, SIDE];
    const { logits } = await this.#session.run({ image: new ort.Tensor("float32", prepared, shape) });
    return logits.data as Float32Array;
  }

  #prepare(pixels: Uint8Array, count: number): Float32Array {
    const { mean, standardDeviation } = this.#preprocessing;
    const prepared = new Float32Array(count * PLANE * 3);
    for (let image = 0; image < count; image++) {
      const base = image * PLANE * 3;
      for (let pixel = 0; pixel < PLANE; pixel++) {
        for (let channel = 0; channel < 3; channel++) {
          const value = pixels[base + pixel * 3 + channel] / 255;
          prepared[base + channel * PLANE + pixel] = (value - mean[channel]) / standardDeviation[channel];
        }
      }
    }
    return prepared;
  }
}
