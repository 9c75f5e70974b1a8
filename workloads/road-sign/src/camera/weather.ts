import { blendPixel, type Canvas, type Colour } from "./canvas.js";
import type { Random } from "./random.js";
import { valueNoise } from "./value-noise.js";

/** What the air holds. */
export const WEATHERS = ["clear", "fog", "rain", "snow"] as const;
export type Weather = (typeof WEATHERS)[number];

/** Puts the weather between the camera and the sign. `severity` 0 to 1: how thick it is. */
export function applyWeather(canvas: Canvas, random: Random, weather: Weather, severity: number): void {
  switch (weather) {
    case "clear":
      return;
    case "fog":
      addFog(canvas, random, severity);
      return;
    case "rain":
      addRain(canvas, random, severity);
      return;
    case "snow":
      addSnow(canvas, random, severity);
      return;
  }
}

/** Fog replaces a share of the scene by its own light: Koschmieder's law at one depth, with drifting density. */
function addFog(canvas: Canvas, random: Random, severity: number): void {
  const { size } = canvas;
  const tone = random.between(0.55, 0.9);
  const colour: Colour = [tone, tone + 0.01, tone + 0.025];
  const density = random.between(0.2, 0.4) + 0.3 * severity;
  const drift = valueNoise(random, size, 2 + random.below(2));
  for (let pixel = 0; pixel < size * size; pixel++) {
    blendPixel(canvas, pixel * 3, colour, Math.min(0.75, density * (0.8 + 0.4 * drift[pixel])));
  }
}

function addRain(canvas: Canvas, random: Random, severity: number): void {
  const { size } = canvas;
  const count = Math.round(size * (0.15 + 0.5 * severity) * random.between(0.6, 1.4));
  const slant = random.between(-0.5, 0.5);
  const bright: Colour = [0.8, 0.85, 0.9];
  for (let streak = 0; streak < count; streak++) {
    const length = size * random.between(0.08, 0.25);
    const startX = random.between(0, size);
    const startY = random.between(-0.2, 1) * size;
    const alpha = random.between(0.1, 0.35);
    for (let step = 0; step < length; step++) {
      coverPixel(canvas, startX + slant * step, startY + step, bright, alpha);
    }
  }
}

function addSnow(canvas: Canvas, random: Random, severity: number): void {
  const { size } = canvas;
  const count = Math.round(size * (0.15 + 0.5 * severity) * random.between(0.6, 1.4));
  const white: Colour = [0.95, 0.96, 1];
  for (let flake = 0; flake < count; flake++) {
    const radius = size * random.between(0.006, 0.03);
    const middleX = random.between(0, size);
    const middleY = random.between(0, size);
    const alpha = random.between(0.4, 0.9);
    for (let y = Math.floor(middleY - radius); y <= middleY + radius; y++) {
      for (let x = Math.floor(middleX - radius); x <= middleX + radius; x++) coverPixel(canvas, x, y, white, alpha);
    }
  }
}

function coverPixel(canvas: Canvas, x: number, y: number, colour: Colour, alpha: number): void {
  const { size } = canvas;
  const column = Math.round(x);
  const row = Math.round(y);
  if (column < 0 || row < 0 || column >= size || row >= size) return;
  blendPixel(canvas, (row * size + column) * 3, colour, alpha);
}
