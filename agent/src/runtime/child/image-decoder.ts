import { SartorError } from "@sartor/shared/errors";
import type { Sharp, SharpOptions } from "sharp";
import type { ImageLimits } from "../channel/index.js";

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_MAGIC = [0xff, 0xd8, 0xff];
/** Longest decoding of one image, seconds. */
const DECODE_SECONDS = 10;

const startsWith = (bytes: Uint8Array, magic: readonly number[]): boolean =>
  magic.every((byte, index) => bytes[index] === byte);

let loadedSharp: ((bytes: Uint8Array, options: SharpOptions) => Sharp) | undefined;

/** libvips costs about 18 MB, so it is loaded with the first image: a device that sends tensors never pays for it. */
async function loadSharp() {
  if (loadedSharp === undefined) {
    const { default: sharp } = await import("sharp");
    sharp.cache(false);
    sharp.concurrency(1);
    loadedSharp = sharp;
  }
  return loadedSharp;
}

/**
 * Decodes a PNG or JPEG to RGB bytes (height x width x 3, row-major, sRGB) of exactly the wanted size. An image that has
 * that size already is not touched; any other is resized to it with a triangle (bilinear) filter that covers all pixels
 * when it shrinks, without keeping proportions. Transparency lies on black; pixels come as stored (no EXIF rotation);
 * a grey image becomes three equal channels.
 *
 * @throws SartorError SRT_IMAGE_INVALID for anything but a complete PNG or JPEG, SRT_IMAGE_TOO_LARGE past the limits.
 */
export async function decodeImage(
  bytes: Uint8Array,
  size: { readonly width: number; readonly height: number },
  limits: ImageLimits,
): Promise<Uint8Array> {
  if (bytes.byteLength > limits.bytes) {
    throw new SartorError(
      "SRT_IMAGE_TOO_LARGE",
      `An image may have ${limits.bytes} bytes; this one has ${bytes.byteLength}.`,
    );
  }
  // Only these two decoders ever see the bytes; libvips would accept many more formats.
  if (!startsWith(bytes, PNG_MAGIC) && !startsWith(bytes, JPEG_MAGIC)) {
    throw new SartorError("SRT_IMAGE_INVALID", "The body starts neither like a PNG nor like a JPEG.");
  }
  const sharp = await loadSharp();
  try {
    const { data, info } = await sharp(bytes, {
      limitInputPixels: limits.pixels,
      failOn: "error",
      sequentialRead: true,
    })
      .flatten({ background: "#000000" })
      .resize(size.width, size.height, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false })
      .toColourspace("srgb")
      .timeout({ seconds: DECODE_SECONDS })
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`it has ${info.channels} channels after decoding`);
    return data;
  } catch (error) {
    const problem = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    if (/pixel limit/i.test(problem)) {
      throw new SartorError("SRT_IMAGE_TOO_LARGE", `An image may have ${limits.pixels} pixels; this one has more.`);
    }
    throw new SartorError("SRT_IMAGE_INVALID", `The image cannot be decoded: ${problem}.`, { cause: error });
  }
}
