import { tensorFrom, writeSafetensors } from "@sartor/shared/domain/tensor";
import type { DatasetPurpose, DatasetView, ErrorReply, Page } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register, upload } from "../support/registering.js";
import { addDataset, classifier, labelledSamples, pictures, sampleTensors } from "./samples.js";

const DATASETS = "/api/v1/models/tiny/datasets";
let controlPlane: RunningControlPlane;
beforeAll(async () => {
  controlPlane = await startControlPlane();
  expect((await register(controlPlane, classifier())).status).toBe(201);
});
afterAll(() => controlPlane.stop());

describe("samples of a model", () => {
  it("are checked, counted by class and shown", async () => {
    const content = labelledSamples(24);
    const { status, body } = await addDataset(controlPlane, "test", "evaluation", content);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      model: "tiny",
      name: "test",
      purpose: "evaluation",
      bytes: content.byteLength,
      samples: 24,
    });
    const counted = Object.values(body.classCounts ?? {}).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(24);
    expect((await rest(controlPlane, "GET", `${DATASETS}/${body.datasetId}`)).body).toEqual(body);
    const { items } = (await rest<Page<DatasetView>>(controlPlane, "GET", DATASETS)).body;
    expect(items).toEqual([body]);
  });

  it("may be pictures, and need no labels to calibrate", async () => {
    const { status, body } = await addDataset(controlPlane, "pictures", "calibration", pictures(8));
    expect([status, body.samples, body.classCounts]).toEqual([201, 8, null]);
  });

  it("sent again are the same dataset; other samples need another name", async () => {
    const again = await addDataset(controlPlane, "pictures", "calibration", pictures(8));
    expect(again.status).toBe(200);
    const other = await addDataset(controlPlane, "pictures", "calibration", pictures(9));
    expect([other.status, other.body.error.code]).toEqual([409, "SRT_DATASET_EXISTS"]);
  });

  it("never serve to calibrate and to judge", async () => {
    const { status, body } = await addDataset(controlPlane, "cheat", "calibration", labelledSamples(24));
    expect([status, body.error.code]).toEqual([422, "SRT_DATASET_INVALID"]);
    expect(body.error.message).toContain("test");
  });

  it("never serve for both, even when they are added for both at once", async () => {
    const content = labelledSamples(20, 300);
    const replies = await Promise.all([
      addDataset(controlPlane, "one way", "calibration", content),
      addDataset(controlPlane, "the other way", "evaluation", content),
    ]);
    const [taken, refused] = replies.toSorted((a, b) => a.status - b.status);
    expect([taken?.status, refused?.status, refused?.body.error.code]).toEqual([201, 422, "SRT_DATASET_INVALID"]);
    expect((await rest(controlPlane, "DELETE", `${DATASETS}/${taken?.body.datasetId}`)).status).toBe(204);
  });

  it("come in pages, and can be forgotten", async () => {
    const { body } = await addDataset(controlPlane, "short-lived", "calibration", pictures(3));
    const first = (await rest<Page<DatasetView>>(controlPlane, "GET", `${DATASETS}?limit=1`)).body;
    expect(first.items).toEqual([body]);
    expect(first.nextCursor).toBe(body.datasetId);
    expect((await rest(controlPlane, "DELETE", `${DATASETS}/${body.datasetId}`)).status).toBe(204);
    const gone = await rest<ErrorReply>(controlPlane, "GET", `${DATASETS}/${body.datasetId}`);
    expect([gone.status, gone.body.error.code]).toEqual([404, "SRT_DATASET_UNKNOWN"]);
    expect((await rest<ErrorReply>(controlPlane, "DELETE", `${DATASETS}/${body.datasetId}`)).status).toBe(404);
  });

  it("belong to a model that is there", async () => {
    const { status, body } = await addDataset(controlPlane, "lost", "calibration", pictures(2), "nobody");
    expect([status, body.error.code]).toEqual([404, "SRT_MODEL_UNKNOWN"]);
    const list = await rest<ErrorReply>(controlPlane, "GET", "/api/v1/models/nobody/datasets");
    expect(list.body.error.code).toBe("SRT_MODEL_UNKNOWN");
  });

  it("are uploaded first", async () => {
    const request = { name: "air", purpose: "calibration", content: `sha256:${"0".repeat(64)}` };
    const { status, body } = await rest<ErrorReply>(controlPlane, "POST", DATASETS, request);
    expect([status, body.error.code]).toEqual([404, "SRT_BLOB_UNKNOWN"]);
  });
});

describe("samples that cannot be used", () => {
  const { image, labels } = sampleTensors(4, 100);
  const floats = (value: number) => {
    const values = new Float32Array(4 * 3 * 16 * 16);
    values[5] = value;
    return tensorFrom("image", "FP32", [4, 3, 16, 16], values);
  };
  const header = (bytes: number) => {
    const file = new Uint8Array(64);
    new DataView(file.buffer).setBigUint64(0, BigInt(bytes), true);
    return file;
  };

  it.each<[string, string, DatasetPurpose, Uint8Array]>([
    ["no safetensors", "SRT_DATASET_INVALID", "calibration", new TextEncoder().encode("not samples at all")],
    ["an empty file", "SRT_DATASET_INVALID", "calibration", new Uint8Array(0)],
    ["half a file", "SRT_DATASET_INVALID", "calibration", pictures(4).subarray(0, 900)],
    ["a header of an exabyte", "SRT_DATASET_INVALID", "calibration", header(2 ** 60)],
    ["no sample", "SRT_CALIBRATION_EMPTY", "calibration", pictures(0)],
    [
      "another size",
      "SRT_CALIBRATION_SHAPE",
      "calibration",
      writeSafetensors([tensorFrom("image", "FP32", [1, 3, 8, 8], new Float32Array(192))]),
    ],
    [
      "another type",
      "SRT_CALIBRATION_SHAPE",
      "calibration",
      writeSafetensors([tensorFrom("image", "FP64", [1, 3, 16, 16], new Float64Array(768))]),
    ],
    [
      "a tensor that is no input",
      "SRT_DATASET_INVALID",
      "calibration",
      writeSafetensors([image, tensorFrom("stray", "FP32", [1], new Float32Array(1))]),
    ],
    [
      "a value that is not a number",
      "SRT_CALIBRATION_NOT_FINITE",
      "calibration",
      writeSafetensors([floats(Number.NaN)]),
    ],
    [
      "an infinite value",
      "SRT_CALIBRATION_NOT_FINITE",
      "calibration",
      writeSafetensors([floats(Number.POSITIVE_INFINITY)]),
    ],
    ["no labels to judge by", "SRT_DATASET_INVALID", "evaluation", writeSafetensors([image])],
    [
      "too few labels",
      "SRT_DATASET_INVALID",
      "evaluation",
      writeSafetensors([image, { ...labels, shape: [3], data: labels.data.subarray(0, 12) }]),
    ],
    [
      "a label of no class",
      "SRT_DATASET_INVALID",
      "evaluation",
      writeSafetensors([image, tensorFrom("labels", "INT32", [4], Int32Array.of(0, 1, 6, 2))]),
    ],
  ])("are refused: %s, %s", async (what, code, purpose, content) => {
    const { status, body } = await addDataset(controlPlane, `bad ${what}`, purpose, content);
    expect([status, body.error.code]).toEqual([422, code]);
    expect((await rest(controlPlane, "GET", "/api/v1/health/ready")).status).toBe(200);
  });

  it("are refused when they hold nothing but millions of empty promises, while the server answers others", async () => {
    // The largest header there may be, full of tensors.
    const entries = Object.fromEntries(
      Array.from({ length: 12_000 }, (_, index) => [`t${index}`, { dtype: "F32", shape: [0], data_offsets: [0, 0] }]),
    );
    const text = new TextEncoder().encode(JSON.stringify(entries));
    const file = new Uint8Array(8 + text.byteLength);
    new DataView(file.buffer).setBigUint64(0, BigInt(text.byteLength), true);
    file.set(text, 8);
    const { digest } = (await upload(controlPlane, file)).body;
    const request = { name: "promises", purpose: "calibration", content: digest };
    const refused = rest<ErrorReply>(controlPlane, "POST", DATASETS, request);
    expect((await rest(controlPlane, "GET", "/api/v1/health/ready")).status).toBe(200);
    expect((await refused).body.error.code).toBe("SRT_DATASET_INVALID");
  });

  it("leave nothing behind: the list holds good ones only", async () => {
    const { items } = (await rest<Page<DatasetView>>(controlPlane, "GET", DATASETS)).body;
    expect(items.map(({ name }) => name)).toEqual(["pictures", "test"]);
  });
});
