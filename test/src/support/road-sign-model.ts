import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ModelManifest, modelManifestSchema } from "@sartor/shared/protocol";

/** The folder of the road-sign model that is shipped. */
export const ROAD_SIGN_FOLDER = fileURLToPath(new URL("../../../workloads/road-sign/model/", import.meta.url));

/**
 * A PNG of 32 x 32: a red disc on grey, so that nothing is resized. Kept as bytes, because a process that loads an image library
 * shares its pages with the agent's child, and the memory benchmark would find that child too small.
 */
const TEST_IMAGE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAMAAABEpIrGAAAAh1BMVEXMAAC4JyelTU3CFRWPeXnMAgLJBweIiIjLAQHIBgbBFRXIBwecXl7JBgaQeHilTk6kTk6QeXmdXV2lT0+QenrLAgKPe3u5Jia4Jia5JyeOfX2wNjabYWHCExOxNzeRd3fCFBSmTU20MjKkT0+PenqkUFCvOzuyNDS1LS2dX1+cX1+yNTWxNTUteaoOAAAACXBIWXMAAAsTAAALEwEAmpwYAAAAvElEQVQ4jb3S1w6DMAwFUEMYCXuW7r3b//++Si0yTmKJPnFffRJnGMKRwLQgyzuRpqIrShY0Kx/6yPvOBpUCkiAxwUHSOoB0dVAZdQCZUOBp+/ddzgTc7DrAewAZnp/G9xC4XB2gRjDngYNgwwOBQPFAjYEYwZ4H0f+HLHhwQVCyD9UODxW+OLAlf9EEzB1m9LvXVhP50AfGNQcmN0cu0brET3tol9cWlx9//c2x9+pFpFTknL73YwCbCcAH6k0UdG+/t4UAAAAASUVORK5CYII=",
  "base64",
);

/** The road-sign model as its files, and an image to ask it about. */
export function roadSignModel() {
  const manifest: ModelManifest = modelManifestSchema.parse(
    JSON.parse(readFileSync(join(ROAD_SIGN_FOLDER, "manifest.json"), "utf8")),
  );
  return {
    manifest,
    onnx: readFileSync(join(ROAD_SIGN_FOLDER, "road-sign.onnx")),
    golden: readFileSync(join(ROAD_SIGN_FOLDER, "golden.safetensors")),
    image: TEST_IMAGE,
  };
}
