import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BundleManifest } from "@sartor/shared/protocol";
import { LIMITS } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../support/registering.js";
import type { TinyBundle } from "../support/tiny-model.js";
import {
  type AttackedDevice,
  COUNTER,
  contentOf,
  first,
  GENERATION,
  second,
  startAttackedDevice,
} from "./attacked-device.js";
import { deepJson, forgedBundle } from "./evil-answers.js";

let device: AttackedDevice;
let generation = GENERATION;
const manifests = new Map<string, Uint8Array>();
/** Chunks that are served otherwise than they should be, by digest. */
const chunks = new Map<string, Uint8Array>();

beforeAll(async () => {
  device = await startAttackedDevice();
  device.server.intercept = (path, response) => {
    const [, , , kind, id = ""] = path.split("/");
    const evil = kind === "bundles" ? manifests.get(id) : kind === "chunks" ? chunks.get(id) : undefined;
    if (evil === undefined) return false;
    response.end(evil);
    return true;
  };
});
afterAll(() => device?.stop());

/** Everybody who could stop it signs the bundle, and the device is told to install it. */
function orderForged(bundle: TinyBundle): void {
  generation += 1;
  manifests.set(bundle.bundleId, bundle.manifestBytes);
  device.orderHonestly(bundle, generation, COUNTER + generation);
}

async function isRefused(bundle: TinyBundle, code = "SRT_MESSAGE_INVALID"): Promise<void> {
  const before = device.server.sentChunks.length;
  orderForged(bundle);
  const { deployment } = await device.fails(bundle, code);
  expect(deployment).toMatchObject({ status: "failed" });
  expect(device.server.sentChunks).toHaveLength(before);
  expect(contentOf(join(device.folder, "slots")).keys()).not.toContain(bundle.bundleId);
}

type Files = BundleManifest["files"];
const withFiles = (change: (files: Files) => unknown) =>
  forgedBundle(second, (manifest) => ({ ...manifest, files: change(manifest.files as Files) }));
const renamed = (name: string) =>
  forgedBundle(second, (manifest) => {
    const files = manifest.files as Files;
    return {
      ...manifest,
      files: [{ ...files[0], name }, ...files.slice(1)],
      entry: { model: name, golden: files[1]?.name },
    };
  });

describe("path traversal: a signed manifest names files in its own folder, or none", () => {
  it.each([
    "../model.onnx",
    "../../identity/current/key.pem",
    "/etc/cron.d/evil",
    "a/../../b",
    "sub/model.onnx",
    "..",
    ".",
    "",
    ".hidden",
    "model.onnx\u0000.txt",
    "model\\..\\..\\x",
    "C:\\model.onnx",
    "bundle.json",
    "sealed.json",
    "Model.onnx",
    "ｍodel.onnx",
    "x".repeat(129),
  ])("%j is refused", async (name) => {
    const outside = contentOf(join(device.folder, "identity"));
    await isRefused(renamed(name));
    expect(contentOf(join(device.folder, "identity"))).toEqual(outside);
  });

  it("two files under one name are refused", () => isRefused(withFiles((files) => [files[0], files[0]])));

  it("a link that somebody left in the slot is not followed", async () => {
    const treasure = join(device.folder, "treasure");
    writeFileSync(treasure, "untouched");
    const inactive = device.reported()?.slots.active?.slot === "a" ? "b" : "a";
    symlinkSync(treasure, join(device.folder, "slots", inactive, "model.onnx"));
    symlinkSync(join(device.folder, "identity"), join(device.folder, "slots", inactive, "golden.safetensors"));
    const identity = contentOf(join(device.folder, "identity"));
    // The bundle's content arrives broken, so that it gets as far as writing and no further.
    const [chunk] = second.manifest.files[0]?.chunks ?? [];
    chunks.set(chunk?.digest ?? "", Buffer.alloc(chunk?.bytes ?? 0, 7));
    const bundle = forgedBundle(second, (manifest) => ({ ...manifest, description: "with links in its way" }));
    orderForged(bundle);
    await device.fails(bundle, "SRT_DIGEST_MISMATCH");
    chunks.clear();
    expect(contentOf(device.folder).get("treasure")).toBe(Buffer.from("untouched").toString("base64"));
    expect(contentOf(join(device.folder, "identity"))).toEqual(identity);
  });
});

describe("bombs: counts, sizes and depths are bounded before anything is fetched", () => {
  const chunk = { digest: digestOf(Buffer.from("x")), bytes: 1 };
  const file = (name: string, count: number, bytes = count) => ({
    name,
    bytes,
    digest: chunk.digest,
    chunks: Array.from({ length: count }, () => chunk),
  });

  it("more chunks than a file may have", () =>
    isRefused(
      forgedBundle(second, (manifest) => {
        const files = manifest.files as Files;
        const count = LIMITS.chunksPerFile + 1;
        return {
          ...manifest,
          files: [...files, file("bomb", count)],
          totalBytes: (manifest.totalBytes as number) + count,
        };
      }),
    ));

  it("more files than a bundle may have", () =>
    isRefused(
      forgedBundle(second, (manifest) => {
        const files = manifest.files as Files;
        const bombs = Array.from({ length: LIMITS.bundleFiles }, (_, index) => file(`bomb-${index}`, 1));
        return { ...manifest, files: [...files, ...bombs], totalBytes: (manifest.totalBytes as number) + bombs.length };
      }),
    ));

  it("chunks that are larger than a chunk may be", () =>
    isRefused(
      withFiles((files) => [
        ...files,
        { ...file("bomb", 1, 2 ** 40), chunks: [{ digest: chunk.digest, bytes: 2 ** 40 }] },
      ]),
    ));

  it("chunks that add up to more than their file", () =>
    isRefused(withFiles((files) => [...files, file("bomb", 9, 1)])));

  it("files that add up to more than the bundle", () => isRefused(withFiles((files) => [...files, file("bomb", 9)])));

  it.each([-1, 0.5, Number.MAX_SAFE_INTEGER + 1])("a size of %d", (bytes) =>
    isRefused(forgedBundle(second, (manifest) => ({ ...manifest, totalBytes: bytes }))),
  );

  it("a manifest that is nested half a million times", () => isRefused(forgedBundle(second, deepJson(1024 * 1024))));

  it("a good manifest with such a nest in it", () => {
    const good = Buffer.from(second.manifestBytes).toString();
    return isRefused(forgedBundle(second, good.replace('"labels":[', `"labels":[${deepJson(512 * 1024)},`)));
  });

  it("a manifest that is no JSON", () => isRefused(forgedBundle(second, "{ not json")));

  it("a manifest that is longer than one may be", async () => {
    const long = forgedBundle(second, " ".repeat(LIMITS.bundleManifestBytes + 1));
    await isRefused(long);
  });
});

describe("content that was swapped under a signed manifest", () => {
  it("is noticed by its digest, and asked for three times at most", async () => {
    const bundle = forgedBundle(second, (manifest) => ({ ...manifest, description: "swapped" }));
    const [chunk] = second.manifest.files[0]?.chunks ?? [];
    let served = 0;
    const intercept = device.server.intercept;
    device.server.intercept = (path, response, request) => {
      if (!path.endsWith(chunk?.digest ?? "none")) return intercept(path, response, request);
      served += 1;
      response.end(Buffer.alloc(chunk?.bytes ?? 0, 7));
      return true;
    };
    orderForged(bundle);
    const { deployment } = await device.fails(bundle, "SRT_DIGEST_MISMATCH");
    expect(deployment?.status).toBe("failed");
    expect(served).toBe(3);
    device.server.intercept = intercept;
  });

  it("another signed manifest in its place is noticed before a chunk is fetched", async () => {
    const bundle = forgedBundle(second, (manifest) => ({ ...manifest, description: "has another's place" }));
    const before = device.server.sentChunks.length;
    generation += 1;
    manifests.set(bundle.bundleId, Buffer.alloc(bundle.manifestBytes.byteLength, " "));
    device.orderHonestly(bundle, generation, COUNTER + generation);
    await device.fails(bundle, "SRT_DIGEST_MISMATCH");
    expect(device.server.sentChunks).toHaveLength(before);
  });
});

describe("after all of that", () => {
  it("the device installs its next honest bundle", async () => {
    generation += 1;
    device.orderHonestly(second, generation, COUNTER + generation);
    expect((await device.serving(second)).ordersRefusal).toBeNull();
    expect(await device.answering()).toBe("tiny 2.0.0");
    expect(device.reported()?.slots.inactive).toMatchObject({ bundleId: first.bundleId });
  });
});
