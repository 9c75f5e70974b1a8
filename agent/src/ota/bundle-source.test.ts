import type { ServerResponse } from "node:http";
import { LIMITS } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestControlPlane } from "../identity/testing/index.js";
import { TlsIdentity } from "../platform/index.js";
import { makeBundle } from "../testing/make-bundle.js";
import { HttpBundleSource } from "./bundle-source.js";

const never = new AbortController().signal;
const bundle = makeBundle(1);

describe("a bundle's manifest", () => {
  let controlPlane: TestControlPlane;
  let source: HttpBundleSource;
  let served: Uint8Array;
  let tls: TlsIdentity;
  beforeEach(async () => {
    served = bundle.bytes;
    controlPlane = await TestControlPlane.start();
    controlPlane.intercept = (path: string, response: ServerResponse) => {
      if (path !== `/api/v1/bundles/${bundle.bundleId}/manifest`) return false;
      response.end(served);
      return true;
    };
    tls = new TlsIdentity({ ca: controlPlane.authority.root });
    source = new HttpBundleSource({ httpUrl: controlPlane.url, tls });
  });
  afterEach(async () => {
    tls.close();
    await controlPlane.stop();
  });

  it("is taken with the length and the digest that were signed", async () => {
    const { bytes, manifest } = await source.fetchManifest(bundle, never);
    expect(Buffer.from(bytes)).toEqual(Buffer.from(bundle.bytes));
    expect(manifest).toMatchObject({ model: "road-sign", version: "1.0.1" });
  });

  it("is not read any further than its signed length", async () => {
    served = Buffer.concat([bundle.bytes, Buffer.alloc(1)]);
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
  });

  it("is refused when it is shorter, or other bytes of the same length", async () => {
    served = bundle.bytes.subarray(0, bundle.manifestBytes - 1);
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
    served = Buffer.from(bundle.bytes).fill(32, 10, 11);
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
  });

  it("is refused when another length was signed than its digest has", async () => {
    const longer = { bundleId: bundle.bundleId, manifestBytes: bundle.manifestBytes + 1 };
    await expect(source.fetchManifest(longer, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
  });

  it("is not even asked for when the signed length is more than a manifest may have", async () => {
    const endless = { bundleId: bundle.bundleId, manifestBytes: LIMITS.bundleManifestBytes + 1 };
    await expect(source.fetchManifest(endless, never)).rejects.toMatchObject({ code: "SRT_MESSAGE_INVALID" });
    expect(controlPlane.requests).toEqual([]);
  });
});
