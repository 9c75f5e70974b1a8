/**
 * A picture with coverage at several sizes, each half of the one before, so that a small sign is sampled without aliasing.
 * Values 0 to 1, four a pixel: red, green, blue multiplied by alpha, then alpha.
 */
export interface Texture {
  readonly levels: readonly TextureLevel[];
}

/** One size of a {@link Texture}, square. */
export interface TextureLevel {
  readonly size: number;
  readonly values: Float32Array;
}

/** Builds a texture from RGBA bytes that are not multiplied by alpha. `size` must be a power of two. */
export function createTexture(rgba: Uint8Array, size: number): Texture {
  const values = new Float32Array(size * size * 4);
  for (let i = 0; i < values.length; i += 4) {
    const alpha = rgba[i + 3] / 255;
    values[i] = (rgba[i] / 255) * alpha;
    values[i + 1] = (rgba[i + 1] / 255) * alpha;
    values[i + 2] = (rgba[i + 2] / 255) * alpha;
    values[i + 3] = alpha;
  }
  const levels: TextureLevel[] = [{ size, values }];
  let last: TextureLevel = { size, values };
  while (last.size > 16) {
    last = halve(last);
    levels.push(last);
  }
  return { levels };
}

function halve(level: TextureLevel): TextureLevel {
  const size = level.size / 2;
  const row = level.size * 4;
  const values = new Float32Array(size * size * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const source = y * 2 * row + x * 8;
      for (let channel = 0; channel < 4; channel++) {
        const i = source + channel;
        const sum = level.values[i] + level.values[i + 4] + level.values[i + row] + level.values[i + row + 4];
        values[(y * size + x) * 4 + channel] = sum / 4;
      }
    }
  }
  return { size, values };
}

/** The smallest level that still has a pixel for each of `pixels` across, or the largest there is. */
export function levelFor(texture: Texture, pixels: number): TextureLevel {
  let chosen = texture.levels[0];
  for (const level of texture.levels) {
    if (level.size >= pixels) chosen = level;
  }
  return chosen;
}
