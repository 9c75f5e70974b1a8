import { createImageTensorWriter, readGoldenVectors, type Tensor, toNumbers } from "@sartor/shared/domain/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTinyClassifier, randomPixels } from "../support/tiny-model.js";
import { getJson, postJson, type ServingDevice, startServingDevice } from "./serving-device.js";

const model = buildTinyClassifier({ width: 4, height: 4, classes: 3, seed: 3 });
const writer = createImageTensorWriter(model.manifest.preprocessing);

function imageValues(seed: number): Float32Array {
  const values = new Float32Array(writer.length);
  writer.write(randomPixels(4, 4, seed), values);
  return values;
}

/** A request body of the binary tensor data extension. */
function binaryBody(
  json: object,
  ...parts: Uint8Array[]
): { body: Buffer<ArrayBuffer>; headers: Record<string, string> } {
  const head = Buffer.from(JSON.stringify(json));
  return {
    body: Buffer.concat([head, ...parts]),
    headers: { "content-type": "application/octet-stream", "inference-header-content-length": String(head.length) },
  };
}

describe("the Open Inference Protocol", () => {
  let device: ServingDevice;
  let url: string;
  const image = imageValues(1);
  const bytes = new Uint8Array(image.buffer);
  const input = (changes: object = {}) => ({
    name: "image",
    shape: [1, 3, 4, 4],
    datatype: "FP32",
    data: Array.from(image),
    ...changes,
  });

  beforeAll(async () => {
    device = await startServingDevice();
    await device.serve(model);
    url = `${device.url}/v2/models/tiny/infer`;
  });
  afterAll(() => device.stop());

  it("describes the server and the model", async () => {
    expect((await getJson(`${device.url}/v2`)).body).toMatchObject({
      name: "sartor-agent",
      version: "0.1.0",
      extensions: expect.arrayContaining(["binary_tensor_data"]),
    });
    const metadata = {
      name: "tiny",
      versions: ["1.0.0"],
      platform: "onnx_onnxv1",
      inputs: [{ name: "image", datatype: "FP32", shape: [-1, 3, 4, 4] }],
      outputs: [{ name: "logits", datatype: "FP32", shape: [-1, 3] }],
    };
    expect((await getJson(`${device.url}/v2/models/tiny`)).body).toMatchObject(metadata);
    expect((await getJson(`${device.url}/v2/models/tiny/versions/1.0.0`)).body).toMatchObject(metadata);
  });

  it("reproduces the golden vectors over HTTP, as one batch, within their tolerance", async () => {
    const golden = readGoldenVectors(model.golden, model.manifest);
    const given = golden.inputs[0];
    const { body, headers } = binaryBody(
      {
        inputs: [
          {
            name: "image",
            shape: given?.shape,
            datatype: "FP32",
            parameters: { binary_data_size: given?.data.length },
          },
        ],
      },
      given?.data ?? new Uint8Array(),
    );
    const reply = await postJson(url, body, headers);
    const want = toNumbers(golden.outputs[0] as Tensor);
    expect(reply.body.outputs[0].shape).toEqual([8, 3]);
    reply.body.outputs[0].data.forEach((value: number, index: number) => {
      expect(Math.abs(value - (want[index] ?? 0))).toBeLessThan(1e-4);
    });
  });

  it("answers flat JSON, nested JSON and binary tensors alike, in JSON and in binary", async () => {
    const nested = [[0, 1, 2].map((c) => [0, 1, 2, 3].map((y) => [0, 1, 2, 3].map((x) => image[(c * 4 + y) * 4 + x])))];
    const flat = await postJson(url, { id: "seven", inputs: [input()], unknown_field: { deep: [1] } });
    expect(flat).toMatchObject({ status: 200, body: { id: "seven", model_name: "tiny", model_version: "1.0.0" } });
    const want = flat.body.outputs;
    expect(want).toEqual([{ name: "logits", datatype: "FP32", shape: [1, 3], data: expect.any(Array) }]);
    expect((await postJson(url, { inputs: [input({ data: nested })] })).body.outputs).toEqual(want);

    const { body, headers } = binaryBody(
      {
        inputs: [input({ data: undefined, parameters: { binary_data_size: bytes.length } })],
        parameters: { binary_data_output: true },
      },
      bytes,
    );
    const response = await fetch(url, { method: "POST", body, headers });
    const answer = Buffer.from(await response.arrayBuffer());
    const length = Number(response.headers.get("inference-header-content-length"));
    const json = JSON.parse(answer.toString("utf8", 0, length));
    expect(json.outputs).toEqual([
      { name: "logits", datatype: "FP32", shape: [1, 3], parameters: { binary_data_size: 12 } },
    ]);
    expect(answer.length).toBe(length + 12);
    expect([0, 4, 8].map((offset) => answer.readFloatLE(length + offset))).toEqual(want[0].data);
  });

  it("gives only the outputs asked for, each in the form asked for", async () => {
    const asked = { inputs: [input()], outputs: [{ name: "logits", parameters: { binary_data: true } }] };
    const response = await fetch(url, { method: "POST", body: JSON.stringify(asked) });
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect((await response.arrayBuffer()).byteLength).toBe(
      Number(response.headers.get("inference-header-content-length")) + 12,
    );
  });

  it.each([
    ["another shape", { shape: [1, 4, 4, 3] }, "SRT_TENSOR_INVALID", /\[1,4,4,3\].*\[-1,3,4,4\]/],
    ["no shape", { shape: undefined }, "SRT_TENSOR_INVALID", /shape/],
    ["an empty batch", { shape: [0, 3, 4, 4], data: [] }, "SRT_TENSOR_INVALID", /shape/],
    ["an absurd batch", { shape: [2 ** 40, 3, 4, 4] }, "SRT_TENSOR_INVALID", /rows.*128/],
    ["one row more than allowed", { shape: [129, 3, 4, 4] }, "SRT_TENSOR_INVALID", /129 rows/],
    ["another type", { datatype: "FP64" }, "SRT_TENSOR_INVALID", /FP64.*FP32/],
    ["too few values", { data: [1, 2, 3] }, "SRT_TENSOR_INVALID", /3 values.*48/],
    ["text among the values", { data: Array(48).fill("1") }, "SRT_TENSOR_INVALID", /not a number/],
    ["a value past float32", { data: Array(48).fill(1e39) }, "SRT_TENSOR_INVALID", /FP32 cannot/],
    ["ragged nesting", { data: [[[[1, 2], [3]]]] }, "SRT_TENSOR_INVALID", /dimension 1/],
    ["an unknown name", { name: "picture" }, "SRT_TENSOR_INVALID", /picture.*inputs are image/],
    ["parameters that are no object", { parameters: 5 }, "SRT_INVALID_REQUEST", /parameters/],
    [
      "a size without binary data",
      { data: undefined, parameters: { binary_data_size: 192 } },
      "SRT_TENSOR_INVALID",
      /less/,
    ],
    ["a size that does not fit", { data: undefined, parameters: { binary_data_size: 4 } }, "SRT_TENSOR_INVALID", /192/],
  ])("refuses an input with %s", async (_, changes, code, message) => {
    const reply = await postJson(url, { inputs: [input(changes)] });
    expect(reply).toMatchObject({ status: 400, body: { code, error: expect.stringMatching(message) } });
  });

  it.each([
    ["no JSON", "{", /not JSON/],
    ["a list", "[]", /JSON object/],
    ["no inputs", "{}", /"inputs"/],
    ["deep nesting", "[".repeat(100_000), /nests deeper/],
    ["a million empty lists", `{"inputs":[${"[],".repeat(1_000_000)}[]]}`, /lists and objects/],
    ["a missing input", '{"inputs":[]}', /missing/],
    ["an unknown output", { inputs: [input()], outputs: [{ name: "scores" }] }, /scores.*logits/],
    ["an id that is no text", { id: 5, inputs: [input()] }, /"id"/],
  ])("refuses a request with %s", async (_, body, message) => {
    expect(await postJson(url, body)).toMatchObject({ status: 400, body: { error: expect.stringMatching(message) } });
  });

  it.each(["-1", "99999999", "1e2", "300000", ""])("refuses the header length %j", async (length) => {
    const reply = await postJson(url, { inputs: [input()] }, { "inference-header-content-length": length });
    expect(reply).toMatchObject({ status: 400, body: { code: "SRT_INVALID_REQUEST" } });
  });

  it("refuses bytes that no tensor announced", async () => {
    const { body, headers } = binaryBody({ inputs: [input()] }, bytes);
    expect(await postJson(url, body, headers)).toMatchObject({ status: 400, body: { error: /192 bytes follow/ } });
  });

  it.each([
    ["GET", "/v2/models/other", 404, "SRT_MODEL_UNKNOWN"],
    ["GET", "/v2/models/tiny/versions/9.0.0/ready", 404, "SRT_MODEL_UNKNOWN"],
    ["POST", "/v2/models/other/infer", 404, "SRT_MODEL_UNKNOWN"],
    ["GET", "/v2/models/tiny/infer", 405, "SRT_METHOD_NOT_ALLOWED"],
    ["DELETE", "/v2/models/tiny", 405, "SRT_METHOD_NOT_ALLOWED"],
    ["GET", "/v3", 404, "SRT_NOT_FOUND"],
    ["GET", "/v2/models/%zz", 404, "SRT_NOT_FOUND"],
    ["GET", "/v2/models/tiny/infer/more", 404, "SRT_NOT_FOUND"],
  ])("%s %s is %d %s", async (method, path, status, code) => {
    const response = await fetch(device.url + path, { method });
    expect({ status: response.status, body: await response.json() }).toMatchObject({ status, body: { code } });
  });
});

describe("a device without a model", () => {
  it("is live, not ready, and says so; it is ready once a model serves, and no more after it stopped", async () => {
    const device = await startServingDevice();
    try {
      const health = async () => ({
        live: (await getJson(`${device.url}/v2/health/live`)).status,
        ready: (await getJson(`${device.url}/v2/health/ready`)).status,
      });
      expect(await health()).toEqual({ live: 200, ready: 503 });
      expect(await postJson(`${device.url}/v2/models/tiny/infer`, {})).toMatchObject({
        status: 503,
        body: { code: "SRT_MODEL_NOT_READY" },
      });
      const staged = await device.stage(model);
      expect(await health()).toEqual({ live: 200, ready: 503 });
      await staged.promote();
      expect(await health()).toEqual({ live: 200, ready: 200 });
      await device.host.stop();
      expect(await health()).toEqual({ live: 200, ready: 503 });
    } finally {
      await device.stop();
    }
  });
});
