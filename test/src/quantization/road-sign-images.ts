import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { createImageTensorWriter } from "@sartor/shared/domain/tensor";
import { TEST_EVEN_FOLDER } from "../support/gtsrb.js";
import { roadSignModel } from "../support/road-sign-model.js";

/** Road signs as the model reads them: N x 3 x 32 x 32, and the class of each. */
export interface RoadSignImages {
  readonly images: Float32Array;
  readonly labels: readonly number[];
}

const BYTES = 32 * 32 * 3;

/** Whether the real road signs are there; they are never part of the repository. */
export function hasGtsrb(): boolean {
  return existsSync(join(TEST_EVEN_FOLDER, "train-images.npy"));
}

/** `count` images of a set, spread evenly over it, pre-processed as the shipped manifest says. */
export function roadSignImages(set: "train" | "test-even", count: number): RoadSignImages {
  const rows = readFileSync(join(TEST_EVEN_FOLDER, `${set}.csv`), "utf8")
    .trim()
    .split("\n");
  const column = rows[0]?.split(",").indexOf("class_id") ?? -1;
  const classes = rows.slice(1).map((row) => Number(row.split(",")[column]));
  const writer = createImageTensorWriter(roadSignModel().manifest.preprocessing);
  const images = new Float32Array(count * writer.length);
  const labels: number[] = [];
  const file = openSync(join(TEST_EVEN_FOLDER, `${set}-images.npy`), "r");
  try {
    const prefix = Buffer.alloc(10);
    readSync(file, prefix, 0, 10, 0);
    const start = 10 + prefix.readUInt16LE(8);
    const rgb = new Uint8Array(BYTES);
    for (let index = 0; index < count; index++) {
      const at = Math.floor((index * classes.length) / count);
      readSync(file, rgb, 0, BYTES, start + at * BYTES);
      writer.write(rgb, images, index * writer.length);
      labels.push(classes[at] ?? -1);
    }
  } finally {
    closeSync(file);
  }
  return { images, labels };
}
