import { beforeAll, describe, expect, it } from "vitest";
import { ROAD_SIGN_CLASS_COUNT } from "../labels.js";
import { DRAWING_TABLE } from "./drawing-table.js";
import { type Drawings, loadDrawings } from "./drawings.js";
import type { TextureLevel } from "./texture.js";

/** Mean colour of what a drawing covers, and the share of the square that it covers. */
function summary({ values }: TextureLevel): { colour: number[]; covered: number } {
  const sum = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) sum[i % 4] += values[i];
  return { colour: sum.slice(0, 3).map((value) => value / sum[3]), covered: sum[3] / (values.length / 4) };
}

describe("sign drawings", () => {
  let drawings: Drawings;
  beforeAll(async () => {
    drawings = await loadDrawings();
  });

  it("exist for every class, and each fills a good part of its square", () => {
    expect(drawings).toHaveLength(ROAD_SIGN_CLASS_COUNT);
    for (const alternatives of drawings) {
      expect(alternatives.length).toBeGreaterThan(0);
      for (const texture of alternatives) expect(summary(texture.levels[0]).covered).toBeGreaterThan(0.35);
    }
  });

  it("differ from class to class", () => {
    const names = DRAWING_TABLE.flat().map((source) => source.name);
    expect(new Set(names).size).toBe(names.length);
    const pictures = drawings.flat().map((texture) => Buffer.from(texture.levels[0].values.buffer).toString("base64"));
    expect(new Set(pictures).size).toBe(pictures.length);
  });

  it("have the colours of German signs: white speed limits, blue mandatory signs, a red stop sign", () => {
    for (const classId of [0, 1, 2, 3, 4, 5, 7, 8]) {
      const [red, green, blue] = summary(drawings[classId][0].levels[0]).colour;
      // A yellow ground would leave blue far behind green.
      expect(Math.abs(blue - green)).toBeLessThan(0.06);
      expect(red).toBeGreaterThan(green + 0.1);
    }
    for (let classId = 33; classId <= 40; classId++) {
      const [red, , blue] = summary(drawings[classId][0].levels[0]).colour;
      expect(blue).toBeGreaterThan(red + 0.2);
    }
    const [red, green] = summary(drawings[14][0].levels[0]).colour;
    expect(red).toBeGreaterThan(green + 0.3);
  });

  it("keep their mean at every smaller size", () => {
    for (const texture of drawings.flat()) {
      const whole = summary(texture.levels[0]);
      const small = summary(texture.levels[texture.levels.length - 1]);
      expect(small.covered).toBeCloseTo(whole.covered, 4);
    }
  });
});
