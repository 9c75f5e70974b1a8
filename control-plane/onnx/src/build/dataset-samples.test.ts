import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Tensor, tensorFrom, writeSafetensors } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DatasetSamples, type SampleManifest } from "./dataset-samples.js";
import { inspectDataset } from "./inspect-dataset.js";

const [HEIGHT, WIDTH, CLASSES] = [2, 3, 4];
const PIXELS = HEIGHT * WIDTH * 3;

const manifest: SampleManifest = {
  inputs: [{ name: "image", dataType: "FP32", shape: [-1, 3, HEIGHT, WIDTH] }],
  labels: Array.from({ length: CLASSES }, (_, index) => `class ${index}`),
  preprocessing: {
    kind: "image",
    width: WIDTH,
    height: HEIGHT,
    colorOrder: "rgb",
    layout: "nchw",
    mean: [0, 0, 0],
    standardDeviation: [1, 1, 1],
  },
};

const floats = (samples: number, name = "image") =>
  tensorFrom(
    name,
    "FP32",
    [samples, 3, HEIGHT, WIDTH],
    Float32Array.from({ length: samples * PIXELS }, (_, index) => index / 8),
  );
const images = (samples: number) =>
  tensorFrom(
    "images",
    "UINT8",
    [samples, HEIGHT, WIDTH, 3],
    Uint8Array.from({ length: samples * PIXELS }, (_, index) => (index * 7) % 256),
  );
const labels = (...values: number[]) =>
  tensorFrom("labels", "INT64", [values.length], BigInt64Array.from(values, BigInt));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sartor-dataset-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(bytes: Uint8Array): string {
  const path = join(folder, "samples.safetensors");
  writeFileSync(path, bytes);
  return path;
}
const inspect = (tensors: readonly Tensor[], about = manifest) =>
  inspectDataset(fileOf(writeSafetensors(tensors)), about);

async function valuesOf(tensors: readonly Tensor[], options: { batch?: number; most?: number }, about = manifest) {
  const samples = await DatasetSamples.open(fileOf(writeSafetensors(tensors)), about);
  const runs: { shape: readonly number[]; first: number }[] = [];
  for await (const { image } of samples.runs(options)) {
    if (image !== undefined) runs.push({ shape: image.shape, first: (image.data[0] ?? 0) / (PIXELS / 8) });
  }
  await samples.close();
  return runs;
}

describe("samples of a dataset", () => {
  it("are counted, and their classes", async () => {
    expect(await inspect([floats(3), labels(1, 3, 1)])).toEqual({ samples: 3, classCounts: { 1: 2, 3: 1 } });
    expect(await inspect([images(5)])).toEqual({ samples: 5, classCounts: null });
  });

  it("are the tensors as they stand, or pixels through the manifest's preprocessing", async () => {
    const samples = await DatasetSamples.open(fileOf(writeSafetensors([images(2)])), manifest);
    const { value: run } = await samples.runs({ batch: 2 }).next();
    await samples.close();
    expect(run?.image?.shape).toEqual([2, 3, HEIGHT, WIDTH]);
    // Red of the second pixel of the second image: byte 3 of it.
    expect(run?.image?.data[PIXELS + 1]).toBe(Math.fround((((PIXELS + 3) * 7) % 256) / 255));
  });

  it("come in runs of the wanted size, spread evenly where fewer are wanted", async () => {
    expect(await valuesOf([floats(5)], { batch: 2 })).toEqual([
      { shape: [2, 3, HEIGHT, WIDTH], first: 0 },
      { shape: [2, 3, HEIGHT, WIDTH], first: 2 },
      { shape: [1, 3, HEIGHT, WIDTH], first: 4 },
    ]);
    expect((await valuesOf([floats(9)], { most: 3 })).map(({ first }) => first)).toEqual([0, 3, 6]);
  });

  it("fill up the last run of a model whose batch is fixed", async () => {
    const fixed = { ...manifest, inputs: [{ name: "image", dataType: "FP32" as const, shape: [4, 3, HEIGHT, WIDTH] }] };
    const runs = await valuesOf([floats(5)], {}, fixed);
    expect(runs.map(({ shape }) => shape[0])).toEqual([4, 4]);
  });
});

const coded = (code: string, ...words: string[]) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join(".*"), "s")) });

type Refusal = [name: string, tensors: Tensor[], ...words: string[]];

describe("samples that cannot be used are refused with a sentence that names the tensor", () => {
  it.each([
    ["another shape", [tensorFrom("image", "FP32", [1, 3, 3, 2], new Float32Array(18))], "image", "\\[1, 3, 3, 2\\]"],
    ["another type", [tensorFrom("image", "FP64", [1, 3, 2, 3], new Float64Array(18))], "image", "FP64"],
    ["another size of image", [tensorFrom("images", "UINT8", [1, 3, 2, 3], new Uint8Array(18))], "images", "UINT8"],
    ["no tensor for the input", [labels(1)], "image", "missing"],
  ] as Refusal[])("%s", async (_, tensors, ...words) => {
    await expect(inspect(tensors)).rejects.toThrow(coded("SRT_CALIBRATION_SHAPE", ...words));
  });

  it.each([
    ["a tensor that is no input", [floats(1), tensorFrom("lables", "INT32", [1], new Int32Array(1))], "lables"],
    ["labels of another count", [floats(2), labels(1)], "labels"],
    ["labels of another type", [floats(1), tensorFrom("labels", "FP32", [1], new Float32Array(1))], "labels", "FP32"],
    ["a label beyond the classes", [floats(2), labels(0, CLASSES)], "sample 1 is 4"],
    ["a label below the classes", [floats(2), labels(-1, 0)], "sample 0 is -1"],
  ] as Refusal[])("%s", async (_, tensors, ...words) => {
    await expect(inspect(tensors)).rejects.toThrow(coded("SRT_DATASET_INVALID", ...words));
  });

  it("no sample, and values that are no numbers", async () => {
    await expect(inspect([floats(0)])).rejects.toThrow(coded("SRT_CALIBRATION_EMPTY"));
    const bad = new Float32Array(2 * PIXELS);
    bad[PIXELS + 2] = Number.POSITIVE_INFINITY;
    const tensor = tensorFrom("image", "FP32", [2, 3, HEIGHT, WIDTH], bad);
    await expect(inspect([tensor])).rejects.toThrow(coded("SRT_CALIBRATION_NOT_FINITE", "Sample 1", "image"));
  });

  it("missing labels, once they are asked for", async () => {
    const samples = await DatasetSamples.open(fileOf(writeSafetensors([floats(1)])), manifest);
    await expect(samples.labels()).rejects.toThrow(coded("SRT_DATASET_INVALID", "labels"));
    await samples.close();
  });

  const REFUSALS = [
    "SRT_DATASET_INVALID",
    "SRT_CALIBRATION_SHAPE",
    "SRT_CALIBRATION_EMPTY",
    "SRT_CALIBRATION_NOT_FINITE",
  ];
  const whole = writeSafetensors([floats(3), labels(1, 2, 3)]);

  it("a file that is cut off anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.byteLength - 1), async (length) => {
        const refusal = await inspectDataset(fileOf(whole.slice(0, length)), manifest).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(SartorError);
        expect((refusal as SartorError).code).toBe("SRT_DATASET_INVALID");
      }),
      { numRuns: 60 },
    );
  });

  it("a file with any bytes changed, unless it still fits: never another error", async () => {
    const change = fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const result = await inspectDataset(fileOf(bytes), manifest).catch((error: unknown) => error);
        if (result instanceof Error) expect(REFUSALS).toContain((result as SartorError).code);
        else expect(result).toMatchObject({ samples: 3 });
      }),
      { numRuns: 150 },
    );
  });

  it("a header that announces more than a file can hold, without reading it", async () => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 62n, true);
    await expect(inspectDataset(fileOf(bytes), manifest)).rejects.toThrow(coded("SRT_DATASET_INVALID", "header"));
    const text = new TextEncoder().encode(
      `{"image":{"dtype":"F32","shape":[1e15,3,${HEIGHT},${WIDTH}],"data_offsets":[0,0]}}`,
    );
    const huge = new Uint8Array(8 + text.byteLength);
    new DataView(huge.buffer).setBigUint64(0, BigInt(text.byteLength), true);
    huge.set(text, 8);
    await expect(inspectDataset(fileOf(huge), manifest)).rejects.toThrow(coded("SRT_DATASET_INVALID", "image"));
  });
});
