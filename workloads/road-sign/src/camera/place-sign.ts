import type { Canvas } from "./canvas.js";
import type { Random } from "./random.js";
import { levelFor, type Texture } from "./texture.js";
import { valueNoise } from "./value-noise.js";

/** How worn a sign is, 0 (new) to 1 each. */
export interface Wear {
  readonly fading: number;
  readonly dirt: number;
}

/** Where the sign is in the frame, and how it is turned. */
export interface Pose {
  /** Share of the frame's side that the sign fills. */
  readonly scale: number;
  /** Centre, as shares of the frame's side. */
  readonly x: number;
  readonly y: number;
  /** Radians, clockwise. */
  readonly rotation: number;
  /** Width over height. */
  readonly stretch: number;
  /** Perspective: how much smaller the far edge is; horizontal and vertical. */
  readonly tiltX: number;
  readonly tiltY: number;
}

/**
 * Draws a sign over the canvas: each pixel of the frame is carried back to the drawing by a projective map (R. Hartley,
 * A. Zisserman, "Multiple View Geometry", chapter 2) and sampled at four points.
 */
export function placeSign(canvas: Canvas, random: Random, texture: Texture, pose: Pose, wear: Wear): void {
  const { size } = canvas;
  const level = levelFor(texture, size * pose.scale * 1.5);
  const cos = Math.cos(pose.rotation);
  const sin = Math.sin(pose.rotation);
  const grime = valueNoise(random, size, 3 + random.below(8));
  const chalk = 0.55 + 0.3 * random.next();
  const sample = new Float32Array(4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      sample.fill(0);
      for (let part = 0; part < 4; part++) {
        // The four points lie on a turned square, which smooths upright and slanted edges alike.
        const px = (x + SAMPLE_X[part]) / size - pose.x;
        const py = (y + SAMPLE_Y[part]) / size - pose.y;
        const depth = 1 + pose.tiltX * px + pose.tiltY * py;
        const u = ((cos * px + sin * py) / (depth * pose.scale * pose.stretch) + 0.5) * level.size - 0.5;
        const v = ((cos * py - sin * px) / (depth * pose.scale) + 0.5) * level.size - 0.5;
        addSample(sample, level.values, level.size, u, v);
      }
      const alpha = sample[3];
      if (alpha <= 0) continue;
      const index = (y * size + x) * 3;
      const grey = (sample[0] + sample[1] + sample[2]) / 3;
      const shade = 1 - wear.dirt * Math.max(0, grime[y * size + x] - 0.35) * 1.3;
      for (let channel = 0; channel < 3; channel++) {
        // Old paint loses its colour and turns chalky.
        const dull = sample[channel] + (grey - sample[channel]) * wear.fading * 0.6;
        const worn = (dull + (chalk * alpha - dull) * wear.fading * 0.35) * shade;
        canvas.values[index + channel] = canvas.values[index + channel] * (1 - alpha) + worn;
      }
    }
  }
}

const SAMPLE_X = [0.375, 0.875, 0.125, 0.625];
const SAMPLE_Y = [0.125, 0.375, 0.625, 0.875];

/** Adds a quarter of the bilinear sample at (u, v); outside the drawing there is nothing. */
function addSample(sum: Float32Array, values: Float32Array, size: number, u: number, v: number): void {
  const x = Math.floor(u);
  const y = Math.floor(v);
  if (x < -1 || y < -1 || x >= size || y >= size) return;
  const right = u - x;
  const lower = v - y;
  addTexel(sum, values, size, x, y, (1 - right) * (1 - lower) * 0.25);
  addTexel(sum, values, size, x + 1, y, right * (1 - lower) * 0.25);
  addTexel(sum, values, size, x, y + 1, (1 - right) * lower * 0.25);
  addTexel(sum, values, size, x + 1, y + 1, right * lower * 0.25);
}

function addTexel(sum: Float32Array, values: Float32Array, size: number, x: number, y: number, weight: number): void {
  if (x < 0 || y < 0 || x >= size || y >= size) return;
  const index = (y * size + x) * 4;
  sum[0] += values[index] * weight;
  sum[1] += values[index + 1] * weight;
  sum[2] += values[index + 2] * weight;
  sum[3] += values[index + 3] * weight;
}
