import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { type ErrorReply, LIMITS, type ModelVersionView, type Page } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { digestOf, register, upload } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";

let controlPlane: RunningControlPlane;
beforeAll(async () => {
  controlPlane = await startControlPlane();
});
afterAll(() => controlPlane.stop());

/** Sends a body of so many zero bytes in pieces until it is answered. */
async function sendZeros(
  headers: Record<string, string>,
  bytes: number,
): Promise<{ status: number; body: ErrorReply; sent: number }> {
  const call = request(`${controlPlane.httpUrl}/api/v1/uploads`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${controlPlane.operatorToken}`,
      "content-type": "application/octet-stream",
      ...headers,
    },
  });
  const answer = once(call, "response");
  let answered = false;
  answer.then(() => {
    answered = true;
  });
  const piece = Buffer.alloc(4 * 1024 * 1024);
  let sent = 0;
  while (sent < bytes && !answered) {
    sent += piece.byteLength;
    if (!call.write(piece)) await Promise.race([once(call, "drain"), answer]);
  }
  const [response] = await answer;
  const text = Buffer.concat(await response.toArray()).toString();
  call.destroy();
  return { status: response.statusCode, body: JSON.parse(text), sent };
}

describe("uploading", () => {
  it("stores content under its digest, and the same content twice is the same", async () => {
    const content = new TextEncoder().encode("some content");
    const announced = { "x-sartor-digest": digestOf(content) };
    expect(await upload(controlPlane, content, announced)).toEqual({
      status: 201,
      body: { digest: digestOf(content), bytes: content.byteLength },
    });
    expect((await upload(controlPlane, content)).body.digest).toBe(digestOf(content));
  });

  it("refuses content that is not what was announced", async () => {
    const content = new TextEncoder().encode("other content");
    const { status, body } = await upload(controlPlane, content, { "x-sartor-digest": `sha256:${"0".repeat(64)}` });
    expect([status, body.error.code]).toEqual([422, "SRT_DIGEST_MISMATCH"]);
  });

  it("refuses a body of 1 GB at once when its length is announced", async () => {
    const { status, body, sent } = await sendZeros({ "content-length": String(10 ** 9) }, 10 ** 9);
    expect([status, body.error.code]).toEqual([413, "SRT_BODY_TOO_LARGE"]);
    expect(body.error.message).toContain(String(LIMITS.uploadBytes));
    expect(sent).toBeLessThan(LIMITS.uploadBytes);
  });

  it("refuses a body of 1 GB while it streams when its length is not announced, and keeps nothing of it", async () => {
    const { status, body, sent } = await sendZeros({ "transfer-encoding": "chunked" }, 10 ** 9);
    expect([status, body.error.code]).toEqual([413, "SRT_BODY_TOO_LARGE"]);
    expect(sent).toBeGreaterThan(LIMITS.uploadBytes);
    expect(await readdir(join(controlPlane.stateDir, "blobs", "incoming"))).toEqual([]);
  });

  it("takes files only, from operators only", async () => {
    const url = `${controlPlane.httpUrl}/api/v1/uploads`;
    const authorization = `Bearer ${controlPlane.operatorToken}`;
    const json = { authorization, "content-type": "application/json" };
    expect((await fetch(url, { method: "POST", headers: json, body: "{}" })).status).toBe(415);
    expect((await fetch(url, { method: "POST", headers: { "content-type": "application/octet-stream" } })).status).toBe(
      401,
    );
  });
});

describe("registering a model version", () => {
  const tiny = buildTinyClassifier({ name: "tiny", goldenVectors: 2 });

  it("checks it, makes its variant and bundle, and shows it", async () => {
    const { status, body } = await register(controlPlane, tiny);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      model: "tiny",
      version: "1.0.0",
      digest: digestOf(tiny.onnx),
      bytes: tiny.onnx.byteLength,
      opset: 17,
      manifest: tiny.manifest,
      variants: [{ name: "fp32", kind: "fp32", accuracy: null, floatLayers: 0 }],
    });
    expect(body.macs).toBeGreaterThan(0);
    const path = "/api/v1/models/tiny/versions/1.0.0";
    expect((await rest<ModelVersionView>(controlPlane, "GET", path)).body).toEqual(body);
    const { items } = (await rest<Page<ModelVersionView>>(controlPlane, "GET", "/api/v1/models")).body;
    expect(items).toContainEqual(body);
  });

  it("answers the same when it is sent again", async () => {
    const first = await rest<ModelVersionView>(controlPlane, "GET", "/api/v1/models/tiny/versions/1.0.0");
    const again = await register(controlPlane, tiny);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
  });

  it("registers one version when two requests race", async () => {
    const racing = buildTinyClassifier({ name: "racing", goldenVectors: 2 });
    const replies = await Promise.all([register(controlPlane, racing), register(controlPlane, racing)]);
    const statuses = replies.map((reply) => reply.status).sort();
    // The other one is told the same, or that it is being made right now.
    expect([
      [200, 201],
      [201, 409],
    ]).toContainEqual(statuses);
    expect((await register(controlPlane, racing)).status).toBe(200);
  });

  it("never changes a version", async () => {
    const other = buildTinyClassifier({ name: "tiny", goldenVectors: 2, seed: 9 });
    const { status, body } = await register(controlPlane, other);
    expect([status, body.error.code]).toEqual([409, "SRT_MODEL_EXISTS"]);
    expect(body.error.message).toContain("model, golden vectors");
  });
});

describe("registering something that is not right", () => {
  const model = buildTinyClassifier({ name: "bad", goldenVectors: 2 });
  const { manifest } = model;
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

  it.each<[string, string, { onnx?: Uint8Array; golden?: Uint8Array; manifest?: unknown }]>([
    ["an image instead of a model", "SRT_MODEL_NOT_ONNX", { onnx: png }],
    ["half a model", "SRT_MODEL_NOT_ONNX", { onnx: model.onnx.subarray(0, model.onnx.length / 2) }],
    [
      "another input shape",
      "SRT_MODEL_SHAPE_MISMATCH",
      { manifest: { ...manifest, inputs: [{ ...manifest.inputs[0], shape: [-1, 3, 64, 64] }] } },
    ],
    ["a label too few", "SRT_MODEL_LABELS_MISMATCH", { manifest: { ...manifest, labels: manifest.labels.slice(1) } }],
    ["a manifest without labels", "SRT_MANIFEST_INVALID", { manifest: { ...manifest, labels: undefined } }],
    ["a manifest of another model", "SRT_MANIFEST_INVALID", { manifest: { ...manifest, name: "other" } }],
    ["a manifest that is a text", "SRT_MANIFEST_INVALID", { manifest: "road-sign" }],
    ["golden vectors that are none", "SRT_GOLDEN_INVALID", { golden: png }],
    [
      "golden vectors of another model",
      "SRT_GOLDEN_MISMATCH",
      { golden: buildTinyClassifier({ goldenVectors: 2, seed: 5 }).golden },
    ],
  ])("%s is refused with %s", async (_what, code, instead) => {
    const { status, body } = await register(controlPlane, model, instead);
    expect([status, body.error.code]).toEqual([422, code]);
    const found = await rest<ErrorReply>(controlPlane, "GET", "/api/v1/models/bad/versions/1.0.0");
    expect([found.status, found.body.error.code]).toEqual([404, "SRT_MODEL_UNKNOWN"]);
  });

  it("lists every problem of a manifest", async () => {
    const broken = { ...manifest, labels: "none", golden: undefined };
    const { body } = await register(controlPlane, model, { manifest: broken });
    expect(body.error.details?.problems).toHaveLength(2);
  });

  it("content that was never uploaded is refused with SRT_BLOB_UNKNOWN", async () => {
    const { status, body } = await rest<ErrorReply>(controlPlane, "POST", "/api/v1/models/bad/versions", {
      manifest,
      model: `sha256:${"1".repeat(64)}`,
      golden: `sha256:${"2".repeat(64)}`,
    });
    expect([status, body.error.code]).toEqual([404, "SRT_BLOB_UNKNOWN"]);
  });

  it("can be put right afterwards: nothing half-made is in the way", async () => {
    expect((await register(controlPlane, model)).status).toBe(201);
  });
});
