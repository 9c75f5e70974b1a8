import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSafetensors, type Tensor } from "@sartor/shared/domain/tensor";
import { afterAll, describe, expect, it } from "vitest";
import { modelDirectory } from "../index.js";
import { ROAD_SIGN_CLASS_COUNT } from "../labels.js";
import { RoadSignModel } from "../road-sign-model.js";
import { type DatasetOptions, makeDataset } from "./make-dataset.js";

const BYTES_A_SIGN = 32 * 32 * 3;
const folder = mkdtempSync(join(tmpdir(), "sartor-dataset-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
async function make(options: Omit<DatasetOptions, "out">): Promise<Buffer> {
  const out = join(folder, `${files++}.safetensors`);
  await makeDataset({ ...options, out });
  return readFileSync(out);
}

function tensorsOf(file: Buffer): {
  labels: Int32Array;
  images: Uint8Array;
  shapes: Record<string, readonly number[]>;
} {
  const { tensors } = readSafetensors(file);
  const find = (name: string) => tensors.find((tensor) => tensor.name === name) as Tensor;
  const labels = new Int32Array(new Uint8Array(find("labels").data).buffer);
  const shapes = Object.fromEntries(tensors.map(({ name, dataType, shape }) => [`${name} ${dataType}`, shape]));
  return { labels, images: find("images").data as Uint8Array, shapes };
}

const signsOf = (images: Uint8Array): string[] =>
  Array.from({ length: images.length / BYTES_A_SIGN }, (_, sign) =>
    Buffer.from(images.subarray(sign * BYTES_A_SIGN, (sign + 1) * BYTES_A_SIGN)).toString("base64"),
  );

describe("a dataset of rendered signs", () => {
  it("holds images and labels as the control plane takes them, each class in its turn", async () => {
    const samples = 2 * ROAD_SIGN_CLASS_COUNT;
    const { labels, shapes } = tensorsOf(await make({ purpose: "calibration", samples, seed: 5 }));
    expect(shapes).toEqual({ "labels INT32": [samples], "images UINT8": [samples, 32, 32, 3] });
    expect([...labels].sort((a, b) => a - b)).toEqual(
      Array.from({ length: samples }, (_, index) => Math.floor(index / 2)),
    );
  });

  it("is the same for the same seed; another seed or purpose shares no sign with it", async () => {
    const first = await make({ purpose: "calibration", samples: 60, seed: 5 });
    expect((await make({ purpose: "calibration", samples: 60, seed: 5 })).equals(first)).toBe(true);
    const known = new Set(signsOf(tensorsOf(first).images));
    expect(known.size).toBe(60);
    for (const other of [
      await make({ purpose: "evaluation", samples: 60, seed: 5 }),
      await make({ purpose: "calibration", samples: 60, seed: 6 }),
    ]) {
      expect(signsOf(tensorsOf(other).images).filter((sign) => known.has(sign))).toEqual([]);
    }
  });

  it("shows signs that the shipped model reads", async () => {
    const { images, labels } = tensorsOf(await make({ purpose: "evaluation", samples: 430, seed: 7 }));
    const found = await (await RoadSignModel.load(modelDirectory)).classify(images);
    const right = found.filter((classId, sample) => classId === labels[sample]).length;
    expect(right / labels.length).toBeGreaterThan(0.95);
  });

  it("refuses options outside their range, and leaves no half-written file", async () => {
    const before = readdirSync(folder);
    for (const wrong of [{ samples: 0 }, { samples: 1.5 }, { samples: 1e9 }, { seed: -1 }, { seed: 2 ** 20 }]) {
      const options = { purpose: "calibration", samples: 10, seed: 1, ...wrong } as const;
      await expect(make(options)).rejects.toMatchObject({ code: "SRT_INVALID_REQUEST" });
    }
    expect(readdirSync(folder)).toEqual(before);
  });
});
