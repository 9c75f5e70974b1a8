import type { Canvas } from "./canvas.js";
import type { Random } from "./random.js";

/** Defocus: a Gaussian of `sigma` pixels, rows then columns. */
export function blurDefocus(canvas: Canvas, sigma: number): void {
  if (sigma < 0.2) return;
  const reach = Math.ceil(sigma * 2.5);
  const kernel = new Float32Array(2 * reach + 1);
  let sum = 0;
  for (let i = -reach; i <= reach; i++) {
    kernel[i + reach] = Math.exp((-0.5 * i * i) / (sigma * sigma));
    sum += kernel[i + reach];
  }
  for (let i = 0; i < kernel.length; i++) kernel[i] /= sum;
  convolveLines(canvas, kernel, reach, 3, canvas.size * 3);
  convolveLines(canvas, kernel, reach, canvas.size * 3, 3);
}

/** Convolves along one direction: `along` is the distance of neighbours in it, `across` of lines. Edges are repeated. */
function convolveLines(canvas: Canvas, kernel: Float32Array, reach: number, along: number, across: number): void {
  const { size, values } = canvas;
  const line = new Float32Array(size);
  for (let index = 0; index < size; index++) {
    for (let channel = 0; channel < 3; channel++) {
      const start = index * across + channel;
      for (let i = 0; i < size; i++) line[i] = values[start + i * along];
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let k = -reach; k <= reach; k++) {
          const at = i + k < 0 ? 0 : i + k >= size ? size - 1 : i + k;
          sum += line[at] * kernel[k + reach];
        }
        values[start + i * along] = sum;
      }
    }
  }
}

/** Motion: the mean along a straight path of `length` pixels. */
export function blurMotion(canvas: Canvas, random: Random, length: number): void {
  const steps = Math.ceil(length);
  if (steps < 2) return;
  const { size, values } = canvas;
  const angle = random.between(0, Math.PI);
  const source = values.slice();
  const offsets: { x: number; y: number }[] = [];
  for (let step = 0; step < steps; step++) {
    const share = (step / (steps - 1) - 0.5) * length;
    offsets.push({ x: Math.round(Math.cos(angle) * share), y: Math.round(Math.sin(angle) * share) });
  }
  const last = size - 1;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (const offset of offsets) {
        const column = Math.min(last, Math.max(0, x + offset.x));
        const row = Math.min(last, Math.max(0, y + offset.y));
        const index = (row * size + column) * 3;
        red += source[index];
        green += source[index + 1];
        blue += source[index + 2];
      }
      const index = (y * size + x) * 3;
      values[index] = red / steps;
      values[index + 1] = green / steps;
      values[index + 2] = blue / steps;
    }
  }
}

/** Noise of a sensor: a part that is always there and a part that grows with the light's root (shot noise). */
export function addSensorNoise(canvas: Canvas, random: Random, sigma: number): void {
  const { values } = canvas;
  for (let i = 0; i < values.length; i++) {
    // A sum of three uniforms is close enough to a normal, and three times as fast.
    const normal = (random.next() + random.next() + random.next() - 1.5) * 2;
    values[i] += normal * sigma * (0.5 + Math.sqrt(Math.max(0, values[i])));
  }
}
