import type { Canvas, Colour } from "./canvas.js";
import type { Random } from "./random.js";

/** The hour that a frame shows. */
export const LIGHTS = ["day", "overcast", "backlight", "dusk", "night"] as const;
export type Light = (typeof LIGHTS)[number];

interface Exposure {
  readonly gain: number;
  readonly gamma: number;
  readonly contrast: number;
  readonly cast: Colour;
}

/** Applies exposure, contrast, gamma and colour cast of an hour. `severity` 0 to 1 moves towards the extreme. */
export function applyLight(canvas: Canvas, random: Random, light: Light, severity: number): void {
  const exposure = exposureOf(random, light, severity);
  const { values } = canvas;
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i];
  mean /= values.length;
  for (let i = 0; i < values.length; i++) {
    const flat = mean + (values[i] - mean) * exposure.contrast;
    const lit = Math.max(0, flat) * exposure.gain * exposure.cast[i % 3];
    values[i] = lit ** exposure.gamma;
  }
}

function exposureOf(random: Random, light: Light, severity: number): Exposure {
  const warm = random.normal() * 0.05;
  const neutral: Colour = [1 + warm, 1 + random.normal() * 0.02, 1 - warm];
  switch (light) {
    case "day":
      return {
        gain: random.between(0.7, 1.15),
        gamma: random.between(0.8, 1.25),
        contrast: random.between(0.8, 1.2),
        cast: neutral,
      };
    case "overcast":
      return {
        gain: random.between(0.45, 0.8),
        gamma: random.between(0.8, 1.2),
        contrast: random.between(0.5, 0.85),
        cast: [0.97, 1, 1.05],
      };
    case "backlight":
      return {
        gain: random.between(0.3, 0.6),
        gamma: random.between(0.8, 1.3),
        contrast: random.between(0.4, 0.8),
        cast: neutral,
      };
    case "dusk":
      return {
        gain: random.between(0.25, 0.5),
        gamma: random.between(0.8, 1.2),
        contrast: random.between(0.6, 1),
        cast: [1.08, 0.98, 0.92 + warm],
      };
    case "night":
      return {
        gain: random.between(0.28, 0.36) - 0.14 * severity,
        gamma: random.between(0.9, 1.15),
        contrast: random.between(0.6, 1),
        cast: random.chance(0.5) ? [0.85, 0.95, 1.2] : [1.2, 1, 0.7],
      };
  }
}

/** A shadow with a straight edge over a part of the frame. */
export function castShadow(canvas: Canvas, random: Random): void {
  const { size, values } = canvas;
  const angle = random.between(0, 2 * Math.PI);
  const nx = Math.cos(angle) / size;
  const ny = Math.sin(angle) / size;
  const offset = random.between(-0.3, 0.3);
  const depth = random.between(0.3, 0.7);
  const soft = random.between(0.01, 0.15);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const distance = (x - size / 2) * nx + (y - size / 2) * ny - offset;
      const share = Math.min(1, Math.max(0, distance / soft + 0.5));
      const factor = 1 - (1 - depth) * share;
      const index = (y * size + x) * 3;
      for (let channel = 0; channel < 3; channel++) values[index + channel] *= factor;
    }
  }
}

/** A bright spot: the sun on the plate, or a headlight. */
export function addGlare(canvas: Canvas, random: Random, severity: number): void {
  const { size, values } = canvas;
  const middleX = size * random.between(0.1, 0.9);
  const middleY = size * random.between(0.1, 0.9);
  const radius = size * random.between(0.12, 0.3);
  const strength = random.between(0.15, 0.35) + 0.15 * severity;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const square = ((x - middleX) ** 2 + (y - middleY) ** 2) / (radius * radius);
      const light = strength * Math.exp(-0.5 * square);
      const index = (y * size + x) * 3;
      for (let channel = 0; channel < 3; channel++) values[index + channel] += light;
    }
  }
}
