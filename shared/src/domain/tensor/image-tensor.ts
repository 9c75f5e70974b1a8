import type { ImagePreprocessing } from "../../protocol/index.js";

/** Turns the pixels of one image into model input; made once for a model, used for every image. */
export interface ImageTensorWriter {
  /** Values of one image: 3 * height * width. */
  readonly length: number;
  /** Writes one image (height x width x 3 bytes, RGB, row-major) into `target` from `offset` on, in the model's layout. */
  write(pixels: Uint8Array, target: Float32Array, offset?: number): void;
}

/**
 * Builds the writer for a manifest's pre-processing: (byte / 255 - mean) / standardDeviation a channel, computed in float64
 * and rounded once to float32. `mean` and `standardDeviation` are in the order of `colorOrder`. A table of 256 values a
 * channel makes it exact and fast: every device and the trainer get the same bits.
 */
export function createImageTensorWriter(preprocessing: Omit<ImagePreprocessing, "kind">): ImageTensorWriter {
  const { width, height, colorOrder, layout, mean, standardDeviation } = preprocessing;
  const plane = width * height;
  const tables = [0, 1, 2].map((channel) => {
    const table = new Float32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      table[byte] = (byte / 255 - (mean[channel] ?? 0)) / (standardDeviation[channel] ?? 1);
    }
    return table;
  });
  const length = plane * 3;
  return {
    length,
    write(pixels, target, offset = 0) {
      if (pixels.length !== length || target.length - offset < length) {
        throw new RangeError(`expected ${length} bytes of pixels and as many places for values`);
      }
      for (let channel = 0; channel < 3; channel++) {
        const table = tables[channel] as Float32Array;
        const step = layout === "nchw" ? 1 : 3;
        let to = offset + (layout === "nchw" ? channel * plane : channel);
        for (let from = colorOrder === "rgb" ? channel : 2 - channel; from < length; from += 3) {
          target[to] = table[pixels[from] as number] as number;
          to += step;
        }
      }
    },
  };
}
