import { readFileSync } from "node:fs";

/** English names of the 43 classes of GTSRB, in the data set's order: the index is the class. One list for camera, tests and training. */
export const ROAD_SIGN_LABELS: readonly string[] = JSON.parse(
  readFileSync(new URL("../labels.json", import.meta.url), "utf8"),
);

/** Number of classes. */
export const ROAD_SIGN_CLASS_COUNT = ROAD_SIGN_LABELS.length;
