import type { Random } from "./random.js";

/**
 * Smooth noise: random values on a coarse grid, blended in between (value noise).
 *
 * @param cells grid cells across; more cells, finer grain
 * @returns `size * size` values from 0 to 1
 */
export function valueNoise(random: Random, size: number, cells: number): Float32Array {
  const across = cells + 1;
  const grid = new Float32Array(across * across);
  for (let i = 0; i < grid.length; i++) grid[i] = random.next();
  const noise = new Float32Array(size * size);
  const column = new Int32Array(size);
  const weight = new Float32Array(size);
  for (let x = 0; x < size; x++) {
    const position = ((x + 0.5) / size) * cells;
    const cell = Math.min(cells - 1, Math.floor(position));
    const part = position - cell;
    column[x] = cell;
    weight[x] = part * part * (3 - 2 * part);
  }
  for (let y = 0; y < size; y++) {
    const top = column[y] * across;
    const bottom = top + across;
    const v = weight[y];
    for (let x = 0; x < size; x++) {
      const i = column[x];
      const u = weight[x];
      const upper = grid[top + i] + (grid[top + i + 1] - grid[top + i]) * u;
      const lower = grid[bottom + i] + (grid[bottom + i + 1] - grid[bottom + i]) * u;
      noise[y * size + x] = upper + (lower - upper) * v;
    }
  }
  return noise;
}
