/** A square picture while it is being made: red, green, blue of each pixel, row by row, 0 (black) to 1, over-range allowed. */
export interface Canvas {
  readonly size: number;
  readonly values: Float32Array;
}

/** A colour, 0 to 1 each. */
export type Colour = readonly [red: number, green: number, blue: number];

export function createCanvas(size: number): Canvas {
  return { size, values: new Float32Array(size * size * 3) };
}

/** Covers one pixel with a colour; `alpha` 0 leaves it, 1 replaces it. */
export function blendPixel(canvas: Canvas, index: number, colour: Colour, alpha: number): void {
  const { values } = canvas;
  const keep = 1 - alpha;
  values[index] = values[index] * keep + colour[0] * alpha;
  values[index + 1] = values[index + 1] * keep + colour[1] * alpha;
  values[index + 2] = values[index + 2] * keep + colour[2] * alpha;
}

/** Covers a rectangle, in pixels, cut to the canvas. */
export function fillRectangle(
  canvas: Canvas,
  box: { left: number; top: number; right: number; bottom: number },
  colour: Colour,
  alpha = 1,
): void {
  const { size } = canvas;
  const left = Math.max(0, Math.round(box.left));
  const right = Math.min(size, Math.round(box.right));
  const bottom = Math.min(size, Math.round(box.bottom));
  for (let y = Math.max(0, Math.round(box.top)); y < bottom; y++) {
    for (let x = left; x < right; x++) blendPixel(canvas, (y * size + x) * 3, colour, alpha);
  }
}

/** Rounds to bytes, cut to 0..255. */
export function toBytes(canvas: Canvas): Uint8Array {
  const bytes = new Uint8Array(canvas.values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.min(255, Math.max(0, canvas.values[i] * 255 + 0.5));
  return bytes;
}
