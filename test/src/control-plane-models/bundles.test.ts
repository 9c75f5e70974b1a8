import { TestAuthority } from "@sartor/agent/identity/testing";
import { readGoldenVectors } from "@sartor/shared/domain/tensor";
import { type ErrorReply, LIMITS, type ModelVersionView } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { callAsDevice, rest } from "../support/enrolled-device.js";
import { digestOf, register, upload } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { ScriptedDevice } from "./scripted-device.js";

// Golden vectors of more than one chunk: 32 x 3 x 32 x 32 float32 is 393 kB.
const tiny = buildTinyClassifier({ goldenVectors: 32 });
let controlPlane: RunningControlPlane;
let device: ScriptedDevice;
let version: ModelVersionView;
let golden: Uint8Array;
beforeAll(async () => {
  controlPlane = await startControlPlane();
  version = (await register(controlPlane, tiny)).body;
  device = await ScriptedDevice.enrol(controlPlane);
});
afterAll(() => controlPlane.stop());

const bundleId = () => version.variants[0]?.bundleId ?? "";
const inputsOf = (file: Uint8Array) =>
  readGoldenVectors(file, tiny.manifest).inputs.map(({ shape, data }) => ({ shape, data: Buffer.from(data) }));
const codeOf = async (reply: Response) => [reply.status, ((await reply.json()) as ErrorReply).error.code];

describe("a bundle", () => {
  it("reaches a device whole, in ranges, each part under its digest", async () => {
    const { manifest, files } = await device.download(bundleId());
    expect(digestOf(files.get(manifest.entry.model) ?? new Uint8Array())).toBe(version.variants[0]?.digest);
    expect(manifest.modelManifest).toEqual(tiny.manifest);
    golden = files.get(manifest.entry.golden) ?? new Uint8Array();
    expect(inputsOf(golden)).toEqual(inputsOf(tiny.golden));
    const file = manifest.files.find(({ name }) => name === manifest.entry.golden);
    expect(file?.chunks.map((chunk) => chunk.bytes)).toEqual([
      LIMITS.chunkBytes,
      golden.byteLength - LIMITS.chunkBytes,
    ]);
  });

  it("is cacheable for ever and answers a cache that has it with 304", async () => {
    const path = `/api/v1/bundles/${bundleId()}/manifest`;
    const reply = await device.get(path);
    expect(reply.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(reply.headers.get("etag")).toBe(`"${bundleId()}"`);
    expect(reply.headers.get("content-type")).toContain("application/json");
    const cached = await device.get(path, { "if-none-match": `"${bundleId()}"` });
    expect([cached.status, await cached.text()]).toEqual([304, ""]);
  });

  it("is not for strangers", async () => {
    const path = `/api/v1/bundles/${bundleId()}/manifest`;
    const { ca } = device.identity.credential;
    expect(await codeOf(await callAsDevice(controlPlane, { ca }, path))).toEqual([401, "SRT_UNAUTHENTICATED"]);
    const stranger = { ca, client: await (await TestAuthority.create()).makeDevice(device.id) };
    expect(await codeOf(await callAsDevice(controlPlane, stranger, path))).toEqual([401, "SRT_CERTIFICATE_UNKNOWN"]);
  });

  it("that does not exist is refused", async () => {
    const path = `/api/v1/bundles/sha256:${"0".repeat(64)}/manifest`;
    expect(await codeOf(await device.get(path))).toEqual([404, "SRT_BUNDLE_UNKNOWN"]);
    expect(await codeOf(await device.get("/api/v1/bundles/latest/manifest"))).toEqual([400, "SRT_INVALID_REQUEST"]);
  });
});

describe("a chunk", () => {
  const path = () => `/api/v1/chunks/${digestOf(golden.subarray(0, LIMITS.chunkBytes))}`;

  it("tells its length without its content", async () => {
    const reply = await device.get(path(), {}, "HEAD");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-length")).toBe(String(LIMITS.chunkBytes));
    expect(reply.headers.get("accept-ranges")).toBe("bytes");
    expect(await reply.text()).toBe("");
  });

  it("comes in parts", async () => {
    const reply = await device.get(path(), { range: "bytes=100-199" });
    expect(reply.status).toBe(206);
    expect(reply.headers.get("content-range")).toBe(`bytes 100-199/${LIMITS.chunkBytes}`);
    expect(Buffer.from(await reply.arrayBuffer())).toEqual(Buffer.from(golden.subarray(100, 200)));
  });

  it("comes whole to a client that holds something else", async () => {
    const reply = await device.get(path(), { range: "bytes=100-199", "if-range": '"another"' });
    expect(reply.status).toBe(200);
    expect((await reply.arrayBuffer()).byteLength).toBe(LIMITS.chunkBytes);
  });

  it("refuses a range outside", async () => {
    const reply = await device.get(path(), { range: `bytes=${LIMITS.chunkBytes}-` });
    expect(reply.headers.get("content-range")).toBe(`bytes */${LIMITS.chunkBytes}`);
    expect(await codeOf(reply)).toEqual([416, "SRT_RANGE_NOT_SATISFIABLE"]);
  });

  it("of no bundle stays with the control plane", async () => {
    const { digest } = (await upload(controlPlane, new TextEncoder().encode("an operator's upload"))).body;
    expect(await codeOf(await device.get(`/api/v1/chunks/${digest}`))).toEqual([404, "SRT_BLOB_UNKNOWN"]);
    expect((await rest(controlPlane, "GET", "/api/v1/models")).status).toBe(200);
  });
});
