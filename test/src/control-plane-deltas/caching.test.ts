import { bundleManifestSchema } from "@sartor/shared/protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { digestOf } from "../support/registering.js";
import { drawn, fineTuned } from "../support/tuned-models.js";
import { CachingClient } from "./caching-client.js";
import { ask, bundleOf, type KnownBundle, pathOf } from "./delta-fleet.js";

const YEAR_MS = 365 * 24 * 3_600_000;

let controlPlane: RunningControlPlane;
let device: ScriptedDevice;
let tuned: KnownBundle;
let delta: string;
let cache: CachingClient;
beforeAll(async () => {
  controlPlane = await startControlPlane();
  device = await ScriptedDevice.enrol(controlPlane);
  const model = drawn("1.0.0", 1, 10_000);
  const old = await bundleOf(controlPlane, device, model);
  tuned = await bundleOf(controlPlane, device, await fineTuned(model, "1.0.1", 5));
  delta = pathOf(tuned, [old]);
});
afterAll(() => controlPlane.stop());
beforeEach(() => {
  cache = new CachingClient((path, headers) => device.get(path, headers));
});

const manifestPath = () => `/api/v1/bundles/${tuned.bundleId}/manifest`;
const chunkPaths = () =>
  tuned.manifest.files.flatMap(({ chunks }) => chunks.map(({ digest }) => `/api/v1/chunks/${digest}`));

describe("any cache between the control plane and a site", () => {
  it("fetches a bundle once, however many devices install it", async () => {
    for (let each = 0; each < 20; each++) {
      const manifest = (await cache.get(manifestPath())) ?? new Uint8Array();
      expect(digestOf(manifest)).toBe(tuned.bundleId);
      for (const { chunks } of bundleManifestSchema.parse(JSON.parse(Buffer.from(manifest).toString())).files) {
        for (const { digest } of chunks) {
          expect(digestOf((await cache.get(`/api/v1/chunks/${digest}`)) ?? new Uint8Array())).toBe(digest);
        }
      }
    }
    expect(chunkPaths().length).toBeGreaterThan(2);
    expect([...new Set(cache.asked.values())]).toEqual([1]);
  });

  it("keeps no answer that says to ask again, and the difference itself from then on", async () => {
    await expect(cache.get(delta)).rejects.toThrow("the origin answered 202");
    expect((await ask(device, delta)).status).toBe(200);
    const content = await cache.get(delta);
    expect(content).toBeDefined();
    expect(await cache.get(delta, { reload: true })).toEqual(content);
    expect(cache.asked.get(delta)).toBe(2);
  });

  it.each([
    ["the manifest", manifestPath],
    ["a chunk", () => chunkPaths()[0] ?? ""],
    ["a difference", () => delta],
  ])("completes %s that broke off, byte for byte, and gets no byte twice", async (_, path) => {
    await ask(device, path());
    expect(await cache.get(path(), { breaksAt: 1_000 })).toBeUndefined();
    expect(await cache.get(path(), { breaksAt: 2_000 })).toBeUndefined();
    const content = (await cache.get(path())) ?? new Uint8Array();
    const direct = await ask(device, path());
    expect(Buffer.compare(content, Buffer.from(await direct.arrayBuffer()))).toBe(0);
    expect(`"${digestOf(content)}"`).toBe(direct.headers.get("etag"));
    expect(cache.receivedBytes).toBe(content.byteLength);
  });

  it("learns after a year that nothing changed, without a byte of content", async () => {
    const paths = [manifestPath(), chunkPaths()[0] ?? "", delta];
    for (const path of paths) {
      await ask(device, path);
      await cache.get(path);
    }
    const { receivedBytes } = cache;
    cache.now = 2 * YEAR_MS;
    for (const path of paths) expect((await cache.get(path))?.byteLength).toBeGreaterThan(0);
    expect(cache.receivedBytes).toBe(receivedBytes);
    expect([...cache.asked.values()]).toEqual([2, 2, 2]);
  });

  it("never mixes two contents: what broke off of something else comes whole", async () => {
    const [path = ""] = chunkPaths();
    const reply = await device.get(path, { range: "bytes=10-", "if-range": `"sha256:${"0".repeat(64)}"` });
    expect(reply.status).toBe(200);
    const weak = await device.get(path, { range: "bytes=10-", "if-range": `W/${reply.headers.get("etag")}` });
    expect(weak.status).toBe(200);
  });

  it("asks for heads as for content, and a range of a head is none", async () => {
    for (const path of [manifestPath(), chunkPaths()[0] ?? "", delta]) {
      const whole = await ask(device, path);
      const head = await device.get(path, { range: "bytes=0-9" }, "HEAD");
      const named = ["etag", "content-length", "content-type", "cache-control", "accept-ranges"];
      const of = (reply: Response) => named.map((name) => reply.headers.get(name));
      expect([head.status, await head.text(), ...of(head)]).toEqual([200, "", ...of(whole)]);
      expect(head.headers.get("content-range")).toBeNull();
      const held = await device.get(path, { "if-none-match": whole.headers.get("etag") ?? "" }, "HEAD");
      expect(held.status).toBe(304);
    }
  });
});
