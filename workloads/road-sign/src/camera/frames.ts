import sharp from "sharp";
import { ROAD_SIGN_CLASS_COUNT } from "../labels.js";
import type { Drawings } from "./drawings.js";
import { createRandom } from "./random.js";
import { type RenderedSign, renderSign, type Shift } from "./render-sign.js";

/** Smallest and largest side of a frame, pixels: what a detector cuts out of a road scene. */
export const FRAME_SIDES = { smallest: 32, largest: 96 } as const;

/** How frame `number` of the series `seed` is rendered; each number is independent of all others. */
export function renderFrame(
  drawings: Drawings,
  series: { readonly seed: number; readonly number: number; readonly classId?: number; readonly shift?: Shift },
): RenderedSign {
  // 2^20 series of 2^32 frames fit in the 53 bits of a seed.
  const seed = series.seed * 2 ** 32 + series.number;
  const random = createRandom(seed);
  const classId = series.classId ?? random.below(ROAD_SIGN_CLASS_COUNT);
  const { smallest, largest } = FRAME_SIDES;
  // Distant signs are seen more often than close ones.
  const size = Math.round(smallest + (largest - smallest) * random.next() ** 1.5);
  const severity = random.next();
  return renderSign(drawings, {
    seed: random.below(2 ** 32) * 2 ** 20 + random.below(2 ** 20),
    classId,
    size,
    severity,
    ...(series.shift === undefined ? {} : { shift: series.shift }),
  });
}

/** Scales a frame to the model's 32 x 32 as a server does with an uploaded picture: both sides, no crop. */
export async function resizeForModel(
  sign: RenderedSign,
  kernel: "lanczos3" | "linear" = "linear",
): Promise<Uint8Array> {
  return await sharp(sign.rgb, { raw: { width: sign.width, height: sign.height, channels: 3 } })
    .resize(32, 32, { fit: "fill", kernel })
    .raw()
    .toBuffer();
}
