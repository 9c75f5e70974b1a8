import { blendPixel, type Canvas, type Colour, fillRectangle } from "./canvas.js";
import type { Random } from "./random.js";
import { valueNoise } from "./value-noise.js";

/** What stands behind the sign. */
export const BACKGROUNDS = ["sky", "treeline", "foliage", "buildings", "road", "plain"] as const;
export type Background = (typeof BACKGROUNDS)[number];

/** Paints a whole background. */
export function paintBackground(canvas: Canvas, random: Random, kind: Background): void {
  switch (kind) {
    case "sky":
      paintSky(canvas, random);
      return;
    case "treeline":
      paintSky(canvas, random);
      paintTreeline(canvas, random);
      return;
    case "foliage":
      paintGrain(canvas, random, leafColour(random), leafColour(random));
      return;
    case "buildings":
      paintBuildings(canvas, random);
      return;
    case "road":
      paintGrain(canvas, random, greyColour(random, 0.25, 0.55), greyColour(random, 0.35, 0.65));
      paintStripe(canvas, random);
      return;
    case "plain":
      paintGrain(canvas, random, anyColour(random), anyColour(random));
      return;
  }
}

/** The pole below a sign, or none. */
export function paintPole(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const middle = size * random.between(0.42, 0.58);
  const half = size * random.between(0.02, 0.055);
  const tone = random.between(0.2, 0.75);
  const top = random.chance(0.6) ? size * 0.5 : 0;
  const light = random.between(-0.25, 0.25);
  fillRectangle(canvas, { left: middle - half, top, right: middle, bottom: size }, greyOf(tone - light));
  fillRectangle(canvas, { left: middle, top, right: middle + half, bottom: size }, greyOf(tone + light));
}

/** A white plate below the sign, as those with hours or distances. */
export function paintPlate(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const half = size * random.between(0.25, 0.45);
  const middle = size * random.between(0.45, 0.55);
  const top = size * random.between(0.9, 0.97);
  fillRectangle(
    canvas,
    { left: middle - half, top, right: middle + half, bottom: size },
    greyOf(random.between(0.6, 1)),
  );
}

function paintSky(canvas: Canvas, random: Random): void {
  const cloudy = random.next();
  const top: Colour = [0.35 + 0.45 * cloudy, 0.55 + 0.25 * cloudy, 0.9 - 0.08 * cloudy];
  const low = random.between(0.7, 1);
  const clouds = valueNoise(random, canvas.size, 2 + random.below(4));
  const strength = random.between(0, 0.4);
  forEachPixel(canvas, (index, _x, y, pixel) => {
    const down = y / canvas.size;
    const cloud = clouds[pixel] * strength;
    for (let channel = 0; channel < 3; channel++) {
      const sky = top[channel] + (low - top[channel]) * down;
      canvas.values[index + channel] = sky + (0.95 - sky) * cloud;
    }
  });
}

function paintTreeline(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const height = size * random.between(0.15, 0.85);
  const ridge = valueNoise(random, size, 4 + random.below(6));
  const fine = valueNoise(random, size, 10 + random.below(8));
  const colour = leafColour(random);
  forEachPixel(canvas, (index, x, y, pixel) => {
    const edge = height + (ridge[x] - 0.5) * size * 0.4;
    if (y > edge) blendPixel(canvas, index, scaled(colour, 0.5 + fine[pixel]), 0.95);
  });
}

function paintGrain(canvas: Canvas, random: Random, dark: Colour, bright: Colour): void {
  const coarse = valueNoise(random, canvas.size, 2 + random.below(4));
  const fine = valueNoise(random, canvas.size, 8 + random.below(14));
  const share = random.between(0.2, 0.8);
  forEachPixel(canvas, (index, _x, _y, pixel) => {
    const mix = coarse[pixel] * (1 - share) + fine[pixel] * share;
    const contrast = Math.min(1, Math.max(0, (mix - 0.5) * 2 + 0.5));
    for (let channel = 0; channel < 3; channel++) {
      canvas.values[index + channel] = dark[channel] + (bright[channel] - dark[channel]) * contrast;
    }
  });
}

function paintBuildings(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  paintSky(canvas, random);
  const count = 1 + random.below(3);
  for (let building = 0; building < count; building++) {
    const left = size * random.between(-0.4, 0.8);
    const width = size * random.between(0.3, 1.2);
    const top = size * random.between(-0.2, 0.6);
    const wall = anyColour(random, 0.35);
    fillRectangle(canvas, { left, top, right: left + width, bottom: size }, wall);
    const pitch = size * random.between(0.12, 0.35);
    const pane = scaled(wall, random.between(0.3, 0.8));
    for (let y = top + pitch * 0.4; y < size; y += pitch) {
      for (let x = left + pitch * 0.3; x < left + width - pitch * 0.4; x += pitch) {
        fillRectangle(canvas, { left: x, top: y, right: x + pitch * 0.5, bottom: y + pitch * 0.6 }, pane);
      }
    }
  }
}

function paintStripe(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const slope = random.between(-1.5, 1.5);
  const start = size * random.between(-0.3, 1.3);
  const half = size * random.between(0.02, 0.08);
  const colour = greyOf(random.between(0.6, 1));
  forEachPixel(canvas, (index, x, y) => {
    if (Math.abs(x - start - slope * y) < half) blendPixel(canvas, index, colour, 0.9);
  });
}

function forEachPixel(canvas: Canvas, visit: (index: number, x: number, y: number, pixel: number) => void): void {
  const { size } = canvas;
  let pixel = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      visit(pixel * 3, x, y, pixel);
      pixel++;
    }
  }
}

const greyOf = (tone: number): Colour => [tone, tone, tone];
const scaled = (colour: Colour, factor: number): Colour => [colour[0] * factor, colour[1] * factor, colour[2] * factor];

function greyColour(random: Random, low: number, high: number): Colour {
  const tone = random.between(low, high);
  return [tone, tone + random.between(-0.02, 0.02), tone + random.between(-0.03, 0.03)];
}

function leafColour(random: Random): Colour {
  const tone = random.between(0.05, 0.5);
  const autumn = random.chance(0.2) ? random.between(0.3, 0.9) : random.between(-0.3, 0.1);
  return [tone * (0.8 + autumn), tone * random.between(0.85, 1.1), tone * random.between(0.3, 0.7)];
}

function anyColour(random: Random, spread = 0.6): Colour {
  const tone = random.between(0.1, 0.9);
  const channel = (): number => Math.min(1, Math.max(0, tone + random.between(-spread, spread) / 2));
  return [channel(), channel(), channel()];
}
