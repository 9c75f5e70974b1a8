import type { ServerResponse } from "node:http";
import { TestControlPlane } from "@sartor/agent/identity/testing";
import { HttpBundleSource } from "@sartor/agent/ota";
import { TlsIdentity } from "@sartor/agent/platform";
import { LIMITS } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildTinyClassifier, bundleOf } from "../support/tiny-model.js";

const never = new AbortController().signal;
const { bundleId, manifestBytes: bytes } = bundleOf(buildTinyClassifier({ width: 8, height: 8 }));
/** As a verified order names it. */
const bundle = { bundleId, manifestBytes: bytes.byteLength };

describe("a bundle's manifest", () => {
  let controlPlane: TestControlPlane;
  let source: HttpBundleSource;
  let served: Uint8Array;
  /** How often it is answered with other bytes before. */
  let damaged: number;
  let tls: TlsIdentity;
  beforeEach(async () => {
    served = bytes;
    damaged = 0;
    controlPlane = await TestControlPlane.start();
    controlPlane.intercept = (path: string, response: ServerResponse) => {
      if (path !== `/api/v1/bundles/${bundleId}/manifest`) return false;
      response.end(damaged-- > 0 ? Buffer.from(bytes).fill(32, 10, 11) : served);
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
    const arrived = await source.fetchManifest(bundle, never);
    expect(Buffer.from(arrived.bytes)).toEqual(Buffer.from(bytes));
    expect(arrived.manifest).toMatchObject({ model: "tiny", version: "1.0.0" });
  });

  it("is fetched again where the way to it damaged it, twice at most", async () => {
    damaged = 2;
    const arrived = await source.fetchManifest(bundle, never);
    expect(Buffer.from(arrived.bytes)).toEqual(Buffer.from(bytes));
    damaged = 3;
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
    expect(controlPlane.requests).toHaveLength(6);
  });

  it("is not read any further than its signed length", async () => {
    served = Buffer.concat([bytes, Buffer.alloc(1)]);
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
  });

  it("is refused when it is shorter, or other bytes of the same length", async () => {
    served = bytes.subarray(0, bundle.manifestBytes - 1);
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
    served = Buffer.from(bytes).fill(32, 10, 11);
    await expect(source.fetchManifest(bundle, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
  });

  it("is refused when another length was signed than its digest has", async () => {
    const longer = { bundleId, manifestBytes: bundle.manifestBytes + 1 };
    await expect(source.fetchManifest(longer, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
  });

  it("is not even asked for when the signed length is more than a manifest may have", async () => {
    const endless = { bundleId, manifestBytes: LIMITS.bundleManifestBytes + 1 };
    await expect(source.fetchManifest(endless, never)).rejects.toMatchObject({ code: "SRT_MESSAGE_INVALID" });
    expect(controlPlane.requests).toEqual([]);
  });
});
