import sharp from "sharp";
import type { RenderedSign } from "./render-sign.js";

/** A picture file's format. */
export type PictureFormat =
  | { readonly kind: "png" }
  | { readonly kind: "jpeg" /** 1 to 100. */; readonly quality: number };

/** Encodes a rendered sign as a picture file. */
export async function encodeSign(sign: RenderedSign, format: PictureFormat): Promise<Buffer> {
  const picture = sharp(sign.rgb, { raw: { width: sign.width, height: sign.height, channels: 3 } });
  return await (format.kind === "png" ? picture.png() : picture.jpeg({ quality: format.quality })).toBuffer();
}
