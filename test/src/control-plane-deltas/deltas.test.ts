import { DELTA_MEDIA_TYPE, deltaPath } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { callAsDevice } from "../support/enrolled-device.js";
import { digestOf, upload } from "../support/registering.js";
import { drawn, fineTuned } from "../support/tuned-models.js";
import { apply, ask, bundleOf, errorOf, type KnownBundle, madeOf, metric, networkOf, pathOf } from "./delta-fleet.js";

const DEVICES = 50;
const ZEROS = `sha256:${"0".repeat(64)}`;

let controlPlane: RunningControlPlane;
let devices: ScriptedDevice[];
let device: ScriptedDevice;
let old: KnownBundle;
let tuned: KnownBundle;
let stranger: KnownBundle;
beforeAll(async () => {
  controlPlane = await startControlPlane();
  devices = [];
  for (let index = 0; index < DEVICES; index++)
    devices.push(await ScriptedDevice.enrol(controlPlane, `device ${index}`));
  device = devices[0] as ScriptedDevice;
  const model = drawn("1.0.0");
  old = await bundleOf(controlPlane, device, model);
  tuned = await bundleOf(controlPlane, device, await fineTuned(model, "1.0.1", 5));
  stranger = await bundleOf(controlPlane, device, drawn("2.0.0", 2));
});
afterAll(() => controlPlane.stop());

const fileOf = ({ manifest, model }: KnownBundle) => {
  const file = manifest.files.find(({ digest }) => digest === model);
  if (file === undefined) throw new Error("the bundle has no network");
  return file;
};

describe("the difference between two versions", () => {
  it("is made once for fifty devices that ask at once, and gives each what it needs for a fraction of the bytes", async () => {
    const path = pathOf(tuned, [old]);
    const first = await Promise.all(devices.map((each) => each.get(path)));
    for (const reply of first) {
      if (reply.status === 200) continue;
      expect(reply.status).toBe(202);
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(reply.headers.get("cache-control")).toBe("no-store");
    }
    const contents = await Promise.all(
      devices.map(async (each) => new Uint8Array(await (await ask(each, path)).arrayBuffer())),
    );
    expect(new Set(contents.map(digestOf)).size).toBe(1);
    expect(await metric(controlPlane, madeOf("ready"))).toBe(1);

    const [delta] = contents as [Uint8Array];
    const { bytes } = fileOf(tuned);
    expect(delta.byteLength).toBeLessThan(bytes / 4);
    const held = new Map([[old.model, await networkOf(device, old)]]);
    expect(digestOf(await apply(delta, fileOf(tuned), held))).toBe(tuned.model);
    expect(await metric(controlPlane, "sartor_delta_saved_bytes_total")).toBe(DEVICES * (bytes - delta.byteLength));
    expect(await metric(controlPlane, "sartor_delta_store_bytes")).toBe(delta.byteLength);
  });

  it("may build on several that the device holds, and its address is the same in whatever order it names them", async () => {
    const path = pathOf(tuned, [stranger, old]);
    expect(path).toBe(pathOf(tuned, [old, stranger]));
    const delta = new Uint8Array(await (await ask(device, path)).arrayBuffer());
    const held = new Map([
      [old.model, await networkOf(device, old)],
      [stranger.model, await networkOf(device, stranger)],
    ]);
    expect(digestOf(await apply(delta, fileOf(tuned), held))).toBe(tuned.model);
  });

  it("resumes, is cached for ever under its own digest, and tells its length without its content", async () => {
    const path = pathOf(tuned, [old]);
    const whole = await ask(device, path);
    const content = Buffer.from(await whole.arrayBuffer());
    const etag = whole.headers.get("etag") ?? "";
    expect(etag).toBe(`"${digestOf(content)}"`);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      "content-type": DELTA_MEDIA_TYPE,
      "content-length": String(content.byteLength),
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=31536000, immutable",
    });

    const rest = await device.get(path, { range: "bytes=100-", "if-range": etag });
    expect([rest.status, rest.headers.get("content-range")]).toEqual([
      206,
      `bytes 100-${content.byteLength - 1}/${content.byteLength}`,
    ]);
    expect(Buffer.from(await rest.arrayBuffer())).toEqual(content.subarray(100));
    const changed = await device.get(path, { range: "bytes=100-", "if-range": '"another"' });
    expect([changed.status, (await changed.arrayBuffer()).byteLength]).toEqual([200, content.byteLength]);
    const outside = await device.get(path, { range: `bytes=${content.byteLength}-` });
    expect(await errorOf(outside)).toMatchObject({ status: 416, code: "SRT_RANGE_NOT_SATISFIABLE" });
    const held = await device.get(path, { "if-none-match": `W/"other", ${etag}` });
    expect([held.status, await held.text()]).toEqual([304, ""]);
    const head = await device.get(path, { range: "bytes=0-9" }, "HEAD");
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([
      200,
      String(content.byteLength),
      "",
    ]);
  });

  it("is not offered where it would be no cheaper, and that costs the control plane nothing the second time", async () => {
    const path = pathOf(stranger, [old]);
    const { bytes } = fileOf(stranger);
    const details = { reason: "not_worth_it", fullBytes: bytes, chunkBytes: bytes };
    expect(await errorOf(await ask(device, path))).toEqual({ status: 409, code: "SRT_DELTA_NOT_OFFERED", details });
    expect(await errorOf(await device.get(path))).toEqual({ status: 409, code: "SRT_DELTA_NOT_OFFERED", details });
    expect(await metric(controlPlane, madeOf("not_worth_it"))).toBe(1);
  });

  it("is no chunk: it has one address only", async () => {
    const reply = await ask(device, pathOf(tuned, [old]));
    const chunk = await device.get(`/api/v1/chunks/${(reply.headers.get("etag") ?? "").replaceAll('"', "")}`);
    expect(await errorOf(chunk)).toMatchObject({ status: 404, code: "SRT_BLOB_UNKNOWN" });
  });

  it("is for devices with a certificate only", async () => {
    const { ca } = device.identity.credential;
    const reply = await callAsDevice(controlPlane, { ca }, pathOf(tuned, [old]));
    expect(await errorOf(reply)).toMatchObject({ status: 401, code: "SRT_UNAUTHENTICATED" });
    const operator = await fetch(`${controlPlane.httpUrl}${pathOf(tuned, [old])}`, {
      headers: { authorization: `Bearer ${controlPlane.operatorToken}` },
    });
    expect(operator.status).toBe(404);
  });
});

describe("a request for a difference", () => {
  const sorted = (...digests: string[]) => [...digests].sort();

  it.each<[string, () => string]>([
    ["without bases", () => ""],
    ["with a base that is no digest", () => "?base=latest"],
    ["with a path for a base", () => "?base=sha256:..%2f..%2f..%2fetc%2fpasswd"],
    ["with a base twice", () => `?base=${old.model}&base=${old.model}`],
    [
      "with bases out of order",
      () =>
        `?${sorted(old.model, stranger.model)
          .reverse()
          .map((base) => `base=${base}`)
          .join("&")}`,
    ],
    [
      "with five bases",
      () => `?${[1, 2, 3, 4, 5].map((digit) => `base=sha256:${String(digit).repeat(64)}`).join("&")}`,
    ],
    ["with more than bases", () => `?base=${old.model}&nonce=1`],
    ["for what the device holds", () => `?base=${tuned.model}`],
  ])("%s is refused", async (_, query) => {
    const reply = await device.get(`/api/v1/bundles/${tuned.bundleId}/files/${tuned.model}/delta${query()}`);
    expect(await errorOf(reply)).toMatchObject({ status: 400, code: "SRT_INVALID_REQUEST" });
  });

  it("names the bases that the control plane does not know, so that the device asks without them", async () => {
    const { digest: uploaded } = (await upload(controlPlane, new TextEncoder().encode("an operator's upload"))).body;
    const chunk = fileOf(old).chunks[0]?.digest ?? "";
    expect(chunk).not.toBe("");
    // Chunks and manifests are no files, and what operators upload is no device's business. (A file of one chunk has its digest.)
    for (const base of [ZEROS, uploaded, old.bundleId]) {
      const reply = await device.get(deltaPath(tuned.bundleId, tuned.model, [old.model, base]));
      expect(await errorOf(reply)).toMatchObject({
        status: 404,
        code: "SRT_BLOB_UNKNOWN",
        details: { digests: [base] },
      });
    }
  });

  it("is for files of the bundle that it names", async () => {
    const unknown = await device.get(deltaPath(ZEROS, tuned.model, [old.model]));
    expect(await errorOf(unknown)).toMatchObject({ status: 404, code: "SRT_BUNDLE_UNKNOWN" });
    const ofAnother = await device.get(deltaPath(stranger.bundleId, tuned.model, [old.model]));
    expect(await errorOf(ofAnother)).toMatchObject({
      status: 404,
      code: "SRT_BLOB_UNKNOWN",
      details: { digests: [tuned.model] },
    });
    expect((await device.get(`/api/v1/bundles/latest/files/${tuned.model}/delta?base=${old.model}`)).status).toBe(400);
  });
});
