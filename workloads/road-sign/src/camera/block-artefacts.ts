import type { Canvas } from "./canvas.js";

const BLOCK = 8;

/** cosine[k * 8 + n] of the orthonormal DCT-II of 8 points. */
const COSINE = new Float32Array(BLOCK * BLOCK);
for (let k = 0; k < BLOCK; k++) {
  const scale = k === 0 ? Math.sqrt(1 / BLOCK) : Math.sqrt(2 / BLOCK);
  for (let n = 0; n < BLOCK; n++) COSINE[k * BLOCK + n] = scale * Math.cos((Math.PI * (2 * n + 1) * k) / (2 * BLOCK));
}

/**
 * What a lossy codec leaves: the cosine coefficients of 8 x 8 blocks are rounded, high frequencies more coarsely, each colour
 * for itself. The step grows linearly with frequency, close to the example tables of JPEG (ITU-T T.81, annex K).
 *
 * @param step size of the rounding at the lowest frequency, in units of full brightness (0.01 is hardly seen, 0.1 is ugly)
 */
export function addBlockArtefacts(canvas: Canvas, step: number): void {
  const { size, values } = canvas;
  const block = new Float32Array(BLOCK * BLOCK);
  const half = new Float32Array(BLOCK * BLOCK);
  for (let top = 0; top + BLOCK <= size; top += BLOCK) {
    for (let left = 0; left + BLOCK <= size; left += BLOCK) {
      for (let channel = 0; channel < 3; channel++) {
        for (let y = 0; y < BLOCK; y++) {
          for (let x = 0; x < BLOCK; x++) block[y * BLOCK + x] = values[((top + y) * size + left + x) * 3 + channel];
        }
        transform(block, half, true);
        for (let i = 0; i < block.length; i++) {
          const width = step * (1 + (i % BLOCK) + Math.floor(i / BLOCK));
          block[i] = Math.round(block[i] / width) * width;
        }
        transform(block, half, false);
        for (let y = 0; y < BLOCK; y++) {
          for (let x = 0; x < BLOCK; x++) values[((top + y) * size + left + x) * 3 + channel] = block[y * BLOCK + x];
        }
      }
    }
  }
}

/** The two-dimensional transform of one block in place, or its inverse. */
function transform(block: Float32Array, half: Float32Array, forward: boolean): void {
  multiply(block, half, forward);
  multiply(half, block, forward);
}

/** Transforms the rows of `from` and writes them as columns of `to`; twice gives both directions. */
function multiply(from: Float32Array, to: Float32Array, forward: boolean): void {
  for (let row = 0; row < BLOCK; row++) {
    for (let k = 0; k < BLOCK; k++) {
      let sum = 0;
      for (let n = 0; n < BLOCK; n++) sum += from[row * BLOCK + n] * COSINE[forward ? k * BLOCK + n : n * BLOCK + k];
      to[k * BLOCK + row] = sum;
    }
  }
}
