import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { roadSignImages } from "./road-sign-images.js";

/** Side of the pictures that `control-plane/onnx/reference/train.py` trains on. */
export const TRAINED_SIDE = 64;
const FROM = TRAINED_SIDE / 2;

/** A network that `control-plane/onnx/reference/train.py` trained, and the seed that it was trained with. */
export interface TrainedNetwork {
  readonly name: string;
  readonly seed: string;
  readonly model: Uint8Array;
}

/** The networks that `control-plane/onnx/reference/train.py` wrote to a folder; empty where there are none. */
export function trainedNetworks(folder: string): TrainedNetwork[] {
  return ["resnet18", "mobilenet-v2"].flatMap((name) => {
    const path = join(folder, `${name}.onnx`);
    if (!existsSync(path)) return [];
    const about: { settings: { seed: string } } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
    return [{ name, seed: about.settings.seed, model: new Uint8Array(readFileSync(path)) }];
  });
}

/** Road signs as those networks read them: N x 3 x 64 x 64, bytes / 63.75 - 2, made twice as large (bilinear, centres of pixels). */
export function enlargedRoadSigns(set: "train" | "test-even", count: number) {
  const { images, labels } = roadSignImages(set, count);
  const planes = count * 3;
  const large = new Float32Array(planes * TRAINED_SIDE * TRAINED_SIDE);
  for (let plane = 0; plane < planes; plane++) {
    const from = plane * FROM * FROM;
    const to = plane * TRAINED_SIDE * TRAINED_SIDE;
    for (let y = 0; y < TRAINED_SIDE; y++) {
      const rows = neighbours(y);
      for (let x = 0; x < TRAINED_SIDE; x++) {
        const columns = neighbours(x);
        const at = (row: number, column: number) => images[from + row * FROM + column] ?? 0;
        const near = 0.75 * at(rows.near, columns.near) + 0.25 * at(rows.near, columns.far);
        const far = 0.75 * at(rows.far, columns.near) + 0.25 * at(rows.far, columns.far);
        large[to + y * TRAINED_SIDE + x] = (0.75 * near + 0.25 * far) * 4 - 2;
      }
    }
  }
  return { images: large, labels };
}

/** The two pixels of the small picture that lie around a pixel of the large one; the nearer counts three times the other. */
function neighbours(position: number): { readonly near: number; readonly far: number } {
  const near = position >> 1;
  const far = near + (position % 2 === 0 ? -1 : 1);
  return { near, far: Math.min(FROM - 1, Math.max(0, far)) };
}
