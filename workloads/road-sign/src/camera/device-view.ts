import sharp from "sharp";
import { encodeSign } from "./encode.js";
import type { RenderedSign } from "./render-sign.js";

/** Side of the model's input, pixels. */
export const MODEL_SIDE = 32;

/** What the demo's cameras send: most cameras send JPEG; every fourth frame is a PNG, so that both ways in are in use. */
export function cameraFormat(number: number): { readonly kind: "png" } | { readonly kind: "jpeg"; quality: number } {
  return number % 4 === 3 ? { kind: "png" } : { kind: "jpeg", quality: 88 };
}

/**
 * A frame as the model on a device gets it: encoded as the camera sends it, decoded and scaled as the agent's inference endpoint
 * does it (docs/inference.md).
 *
 * @returns RGB bytes, 32 x 32 x 3
 */
export async function deviceView(sign: RenderedSign, number: number): Promise<Uint8Array> {
  const format = cameraFormat(number);
  // A PNG loses nothing, so it need not be written and read.
  const picture =
    format.kind === "png"
      ? sharp(sign.rgb, { raw: { width: sign.width, height: sign.height, channels: 3 } })
      : sharp(await encodeSign(sign, format));
  return await picture
    .resize(MODEL_SIDE, MODEL_SIDE, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer();
}
