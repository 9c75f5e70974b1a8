import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ROAD_SIGN_CLASS_COUNT } from "../labels.js";
import { type Drawings, loadDrawings } from "./drawings.js";
import { renderFrame } from "./frames.js";
import { renderSign, SHIFTS } from "./render-sign.js";

const mean = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;

/** Mean difference between a pixel and its right neighbour's: falls with blur and fog. */
const detail = (rgb: Uint8Array, width: number): number => {
  let sum = 0;
  for (let i = 0; i + 3 < rgb.length; i++)
    if (Math.floor(i / 3) % width < width - 1) sum += Math.abs(rgb[i + 3] - rgb[i]);
  return sum / rgb.length;
};

describe("rendered signs", () => {
  let drawings: Drawings;
  beforeAll(async () => {
    drawings = await loadDrawings();
  });

  it("are the same for the same options and others for another seed", () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.nat(ROAD_SIGN_CLASS_COUNT - 1),
        fc.integer({ min: 16, max: 96 }),
        (seed, classId, size) => {
          const sign = renderSign(drawings, { seed, classId, size });
          expect(sign.rgb).toHaveLength(size * size * 3);
          expect(renderSign(drawings, { seed, classId, size })).toEqual(sign);
          const other = renderSign(drawings, { seed: seed === 0 ? 1 : seed - 1, classId, size });
          expect(Buffer.compare(other.rgb, sign.rgb)).not.toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("show each class differently on the same scene", () => {
    const pictures = drawings.map((_, classId) =>
      Buffer.from(renderSign(drawings, { seed: 3, classId, size: 48, severity: 0 }).rgb).toString("base64"),
    );
    expect(new Set(pictures).size).toBe(ROAD_SIGN_CLASS_COUNT);
  });

  it("are never blank: every frame of a series has some contrast", () => {
    for (let number = 0; number < 200; number++) {
      const { rgb } = renderFrame(drawings, { seed: 11, number });
      expect(Math.max(...rgb) - Math.min(...rgb)).toBeGreaterThan(8);
    }
  });

  it("get darker at night, and lose detail in fog and blur", () => {
    const sums = { plain: 0, night: 0, plainDetail: 0, fog: 0, blur: 0 };
    for (let seed = 0; seed < 60; seed++) {
      const options = { seed, classId: seed % ROAD_SIGN_CLASS_COUNT, size: 48 };
      const plain = renderSign(drawings, options).rgb;
      sums.plain += mean(plain);
      sums.plainDetail += detail(plain, 48);
      const [night, fog, blur] = SHIFTS.map((shift) => renderSign(drawings, { ...options, shift }));
      expect([night.conditions.light, fog.conditions.weather]).toEqual(["night", "fog"]);
      sums.night += mean(night.rgb);
      sums.fog += detail(fog.rgb, 48);
      sums.blur += detail(blur.rgb, 48);
    }
    expect(sums.night).toBeLessThan(sums.plain * 0.7);
    expect(sums.fog).toBeLessThan(sums.plainDetail * 0.8);
    expect(sums.blur).toBeLessThan(sums.plainDetail * 0.8);
  });

  it("draw all classes in a series, each frame apart from the others", () => {
    const frames = Array.from({ length: 600 }, (_, number) => renderFrame(drawings, { seed: 2, number }));
    expect(new Set(frames.map((frame) => frame.classId)).size).toBe(ROAD_SIGN_CLASS_COUNT);
    expect(renderFrame(drawings, { seed: 2, number: 599 })).toEqual(frames[599]);
    for (const { width, height } of frames) {
      expect(width).toBe(height);
      expect(width).toBeGreaterThanOrEqual(32);
      expect(width).toBeLessThanOrEqual(96);
    }
  });

  it.each([
    { seed: -1, classId: 0, size: 48 },
    { seed: 0.5, classId: 0, size: 48 },
    { seed: 1, classId: 43, size: 48 },
    { seed: 1, classId: -1, size: 48 },
    { seed: 1, classId: 0, size: 8 },
    { seed: 1, classId: 0, size: 100_000 },
    { seed: 1, classId: 0, size: 48, severity: 1.5 },
    { seed: 1, classId: 0, size: 48, severity: Number.NaN },
  ])("refuse options outside their range: $seed $classId $size $severity", (options) => {
    expect(() => renderSign(drawings, options)).toThrowError(expect.objectContaining({ code: "SRT_INVALID_REQUEST" }));
  });
});
