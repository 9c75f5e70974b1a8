import { blendPixel, type Canvas, type Colour, fillRectangle } from "./canvas.js";
import type { Random } from "./random.js";
import { valueNoise } from "./value-noise.js";

/** Covers a part of the sign near one edge: leaves, or a straight thing such as a post or a passing roof. */
export function occlude(canvas: Canvas, random: Random): void {
  if (random.chance(0.6)) {
    growLeaves(canvas, random);
    return;
  }
  const { size } = canvas;
  const depth = size * random.between(0.08, 0.26);
  const tone = random.between(0.05, 0.7);
  const colour: Colour = [tone, tone * random.between(0.85, 1.1), tone * random.between(0.8, 1.1)];
  switch (random.below(4)) {
    case 0:
      fillRectangle(canvas, { left: 0, top: 0, right: depth, bottom: size }, colour);
      return;
    case 1:
      fillRectangle(canvas, { left: size - depth, top: 0, right: size, bottom: size }, colour);
      return;
    case 2:
      fillRectangle(canvas, { left: 0, top: size - depth, right: size, bottom: size }, colour);
      return;
    default:
      // A cable or a thin branch crosses anywhere.
      fillRectangle(canvas, { left: 0, top: size * 0.3 + depth, right: size, bottom: size * 0.34 + depth }, colour);
      return;
  }
}

function growLeaves(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const noise = valueNoise(random, size, 6 + random.below(6));
  const angle = random.between(0, 2 * Math.PI);
  const middleX = size * (0.5 + 0.5 * Math.cos(angle));
  const middleY = size * (0.5 + 0.5 * Math.sin(angle));
  const reach = size * random.between(0.2, 0.42);
  const tone = random.between(0.08, 0.4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const pixel = y * size + x;
      const distance = Math.hypot(x - middleX, y - middleY) / reach;
      if (noise[pixel] < distance * 0.9) continue;
      const shade = tone * (0.5 + noise[pixel]);
      blendPixel(canvas, pixel * 3, [shade * 0.8, shade, shade * 0.45], 0.95);
    }
  }
}
