import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  loadDrawings,
  modelDirectory,
  ROAD_SIGN_CLASS_COUNT,
  ROAD_SIGN_LABELS,
  renderFrame,
  resizeForModel,
} from "./index.js";
import { RoadSignModel } from "./road-sign-model.js";

const manifest = JSON.parse(readFileSync(join(modelDirectory, "manifest.json"), "utf8"));

/** Reads one float32 tensor of a safetensors file: 8 bytes of header length, JSON header, values. */
function readTensor(file: Buffer, name: string): { shape: number[]; values: Float32Array } {
  const headerLength = Number(file.readBigUInt64LE(0));
  const entry = JSON.parse(file.subarray(8, 8 + headerLength).toString())[name];
  const [start, end] = entry.data_offsets.map((offset: number) => 8 + headerLength + offset);
  expect(entry.dtype).toBe("F32");
  return { shape: entry.shape, values: new Float32Array(new Uint8Array(file.subarray(start, end)).buffer) };
}

describe("the shipped model", () => {
  let model: RoadSignModel;
  beforeAll(async () => {
    model = await RoadSignModel.load(modelDirectory);
  });

  it("names the classes as the camera does, and stays under 3 MB", () => {
    expect(manifest.labels).toEqual(ROAD_SIGN_LABELS);
    expect(statSync(join(modelDirectory, "road-sign.onnx")).size).toBeLessThanOrEqual(3_000_000);
  });

  it("reproduces its golden vectors within the manifest's tolerance", async () => {
    const file = readFileSync(join(modelDirectory, "golden.safetensors"));
    const input = readTensor(file, "input.image");
    const wanted = readTensor(file, "output.logits");
    expect(input.shape).toEqual([16, 3, 32, 32]);
    expect(wanted.shape).toEqual([16, ROAD_SIGN_CLASS_COUNT]);
    const logits = await model.run(input.values);
    const { absoluteTolerance, relativeTolerance } = manifest.golden;
    wanted.values.forEach((value, i) => {
      expect(Math.abs(logits[i] - value)).toBeLessThanOrEqual(absoluteTolerance + relativeTolerance * Math.abs(value));
    });
  });

  it("reads nine of ten freshly rendered signs or more", async () => {
    const drawings = await loadDrawings();
    const count = 10 * ROAD_SIGN_CLASS_COUNT;
    const frames = Array.from({ length: count }, (_, number) =>
      renderFrame(drawings, { seed: 31_337, number, classId: number % ROAD_SIGN_CLASS_COUNT }),
    );
    const pixels = Buffer.concat(await Promise.all(frames.map((frame) => resizeForModel(frame))));
    const found = await model.classify(pixels);
    const correct = found.filter((classId, i) => classId === frames[i].classId).length;
    expect(correct / count).toBeGreaterThan(0.9);
  });
});
