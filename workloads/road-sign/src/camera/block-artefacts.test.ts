import { describe, expect, it } from "vitest";
import { addBlockArtefacts } from "./block-artefacts.js";
import { createCanvas } from "./canvas.js";
import { createRandom } from "./random.js";

function noisyCanvas(size: number) {
  const canvas = createCanvas(size);
  const random = createRandom(4);
  for (let i = 0; i < canvas.values.length; i++) canvas.values[i] = random.next();
  return canvas;
}

describe("codec artefacts", () => {
  it("vanish as the rounding gets finer: the transform and its inverse are exact", () => {
    const canvas = noisyCanvas(24);
    const before = canvas.values.slice();
    addBlockArtefacts(canvas, 1e-6);
    for (let i = 0; i < before.length; i++) expect(canvas.values[i]).toBeCloseTo(before[i], 4);
  });

  it("flatten blocks entirely when the rounding is coarse", () => {
    const canvas = noisyCanvas(16);
    addBlockArtefacts(canvas, 4);
    for (let pixel = 0; pixel < 8; pixel++) expect(canvas.values[pixel * 3]).toBeCloseTo(canvas.values[0], 5);
  });
});
