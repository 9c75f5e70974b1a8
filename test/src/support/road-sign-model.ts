import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ModelManifest, modelManifestSchema } from "@sartor/shared/protocol";
import sharp from "sharp";

/** The folder of the road-sign model that is shipped. */
export const ROAD_SIGN_FOLDER = fileURLToPath(new URL("../../../workloads/road-sign/model/", import.meta.url));

/** The road-sign model as its files, and an image to ask it about. */
export function roadSignModel() {
  const manifest: ModelManifest = modelManifestSchema.parse(
    JSON.parse(readFileSync(join(ROAD_SIGN_FOLDER, "manifest.json"), "utf8")),
  );
  return {
    manifest,
    onnx: readFileSync(join(ROAD_SIGN_FOLDER, "road-sign.onnx")),
    golden: readFileSync(join(ROAD_SIGN_FOLDER, "golden.safetensors")),
    /** A PNG of 32 x 32: a red disc on grey, so that nothing is resized. */
    image: () =>
      sharp(
        Buffer.from(
          '<svg width="32" height="32"><rect width="32" height="32" fill="#888"/><circle cx="16" cy="16" r="12" fill="#c00"/></svg>',
        ),
      )
        .png()
        .toBuffer(),
  };
}
