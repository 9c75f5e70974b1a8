import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the real road signs lie when they are there; they are never part of the repository. */
export const TEST_EVEN_FOLDER = fileURLToPath(new URL("../../../../shared/gtsrb/", import.meta.url));

const SIDE = 32;
const IMAGE_BYTES = SIDE * SIDE * 3;

/** One image of 32 x 32 RGB bytes, row by row. */
export interface LabelledImage {
  readonly rgb: Uint8Array;
  readonly classId: number;
}

/** The first `count` images of GTSRB test-even, spread evenly over the set. */
export function loadTestEven(count: number): LabelledImage[] {
  const rows = readFileSync(join(TEST_EVEN_FOLDER, "test-even.csv"), "utf8").trim().split("\n");
  const column = rows[0]?.split(",").indexOf("class_id") ?? -1;
  const classes = rows.slice(1).map((row) => Number(row.split(",")[column]));
  const file = openSync(join(TEST_EVEN_FOLDER, "test-even-images.npy"), "r");
  try {
    const prefix = Buffer.alloc(10);
    readSync(file, prefix, 0, 10, 0);
    const start = 10 + prefix.readUInt16LE(8);
    return Array.from({ length: count }, (_, index) => {
      const at = Math.floor((index * classes.length) / count);
      const rgb = new Uint8Array(IMAGE_BYTES);
      readSync(file, rgb, 0, IMAGE_BYTES, start + at * IMAGE_BYTES);
      return { rgb, classId: classes[at] ?? -1 };
    });
  } finally {
    closeSync(file);
  }
}
