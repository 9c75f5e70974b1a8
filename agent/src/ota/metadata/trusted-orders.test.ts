import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleTargetPath, ORDER_TARGET } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MetadataStore } from "./metadata-store.js";
import { canonical, DAY, NOW, TestRepository, testClock, testKey } from "./test-repository.js";
import { TrustedOrders } from "./trusted-orders.js";
import { TrustedTime } from "./trusted-time.js";

const ROLLOUT = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const { signal } = new AbortController();
const manifest = (name: string) => Buffer.from(`{"bundle":"${name}"}`);
const idOf = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

let folder: string;
let image: TestRepository;
let director: TestRepository;
let clock: ReturnType<typeof testClock>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sartor-orders-"));
  image = new TestRepository();
  director = new TestRepository();
  clock = testClock();
  MetadataStore.provision(join(folder, "image"), image.factoryRoot);
  MetadataStore.provision(join(folder, "director"), director.factoryRoot);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A device as it is after each start. */
function device(deviceId = "device-1", hardware = ["camera-7", "linux-arm64"]): TrustedOrders {
  const time = new TrustedTime({ path: join(folder, "time.json"), buildTime: NOW - 100 * DAY, clock });
  const store = (name: "image" | "director", repository: TestRepository) =>
    new MetadataStore({
      repository: name,
      folder: join(folder, name),
      metadataUrl: `https://${name}.test/metadata`,
      transport: (url, options) => repository.transport(url, options),
      time,
      clock,
    });
  return new TrustedOrders({
    deviceId,
    hardware,
    director: store("director", director),
    image: store("image", image),
    directorTargetsUrl: "https://director.test/targets",
    transport: (url, options) => director.transport(url, options),
    time,
    floorsPath: join(folder, "release-floors.json"),
    clock,
  });
}

const bundle = (name: string, version = "1.0.0") => ({
  bundleId: idOf(manifest(name)),
  manifestBytes: manifest(name).byteLength,
  model: "road-sign",
  version,
});

function release(name: string, releaseCounter = 1, changes: object = {}): void {
  const { manifestBytes: _, ...ids } = bundle(name);
  image.addTarget(bundleTargetPath(ids), manifest(name), {
    schemaVersion: 1,
    ...ids,
    variant: { name: "fp32", kind: "fp32" },
    hardware: ["linux-arm64"],
    releaseCounter,
    totalBytes: 10,
    ...changes,
  });
  image.publish();
}

interface Order {
  generation: number;
  deploy?: string;
  candidates?: string[];
  releaseCounter?: number;
  deviceId?: string;
  body?: object;
  custom?: object;
}

function order({
  generation,
  deploy,
  candidates = [],
  releaseCounter = 1,
  deviceId = "device-1",
  body,
  custom,
}: Order): void {
  director.targets = {};
  for (const [name, purpose] of [
    ...candidates.map((name) => [name, "candidate"]),
    ...(deploy ? [[deploy, "deployment"]] : []),
  ]) {
    director.addTarget(bundleTargetPath(bundle(name ?? "")), manifest(name ?? ""), {
      schemaVersion: 1,
      deviceId,
      hardware: "linux-arm64",
      releaseCounter,
      purpose,
      rolloutId: purpose === "deployment" ? ROLLOUT : null,
    });
  }
  const desired = {
    schemaVersion: 1,
    deviceId,
    generation,
    issuedAt: clock.time,
    deployment:
      deploy === undefined
        ? null
        : {
            deploymentId: ROLLOUT,
            rolloutId: ROLLOUT,
            bundle: bundle(deploy),
            probe: { deadlineMs: 60_000, soakMs: 0 },
          },
    tuning:
      candidates.length === 0
        ? null
        : {
            tuningId: ROLLOUT,
            model: "road-sign",
            version: "1.0.0",
            candidates: candidates.map((name) => ({
              candidateId: name,
              bundle: { bundleId: bundle(name).bundleId, manifestBytes: bundle(name).manifestBytes },
              variant: { name: "fp32", kind: "fp32" },
              executionProvider: "cpu",
              runtime: {
                adapter: "onnxruntime-node",
                executionProviders: ["cpu"],
                intraOpThreads: 1,
                graphOptimizationLevel: "all",
              },
            })),
            budget: { seconds: 60, maximumCpuShare: 0.5 },
            rules: { minimumGain: 0.05, hysteresisMs: 0 },
          },
    telemetry: { windowSeconds: 60 },
    ...body,
  };
  director.addTarget(ORDER_TARGET, Buffer.from(canonical(desired)), {
    schemaVersion: 1,
    deviceId,
    generation,
    ...custom,
  });
  director.publish();
}

const unchanged = (code: string) => ({ outcome: "unchanged", reason: expect.objectContaining({ code }) });

describe("an order", () => {
  it("that both repositories vouch for is verified, every bundle in it with its manifest's digest", async () => {
    release("a");
    release("b");
    order({ generation: 1, deploy: "a", candidates: ["a", "b"] });
    const result = await device().refresh(signal);
    if (result.outcome !== "verified") throw result.reason;
    expect(result.order.desired.generation).toBe(1);
    expect([...result.order.bundles.keys()].sort()).toEqual([bundle("a").bundleId, bundle("b").bundleId].sort());
    expect(result.order.bundles.get(bundle("a").bundleId)).toMatchObject({ length: manifest("a").byteLength });
  });

  it("of another device, however new, does not make this device's own one look old", async () => {
    release("a");
    order({ generation: 1, deploy: "a" });
    const own = new Map(director.files);
    const one = device();
    expect((await one.refresh(signal)).outcome).toBe("verified");
    order({ generation: 9, deploy: "a", deviceId: "device-2" });
    expect(await one.refresh(signal)).toEqual(unchanged("SRT_TRUST_WRONG_DEVICE"));
    director.files.clear();
    for (const [path, bytes] of own) director.files.set(path, bytes);
    expect((await one.refresh(signal)).outcome).toBe("verified");
    expect((await device().refresh(signal)).outcome).toBe("verified");
  });

  it("for another device is refused, whether all of it or only its body was swapped", async () => {
    release("a");
    order({ generation: 1, deploy: "a", deviceId: "device-2" });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_WRONG_DEVICE"));
    order({ generation: 1, deploy: "a", body: { deviceId: "device-2" } });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_WRONG_DEVICE"));
  });

  it("of an older generation is refused, also after a restart", async () => {
    order({ generation: 7 });
    expect(await device().refresh(signal)).toMatchObject({ outcome: "verified" });
    order({ generation: 6 });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_ROLLBACK"));
    order({ generation: 7 });
    expect(await device().refresh(signal)).toMatchObject({ outcome: "verified" });
  });

  it("whose bytes are not the signed ones is refused", async () => {
    order({ generation: 1 });
    const [path] = [...director.files.keys()].filter((file) => file.endsWith(`.${ORDER_TARGET}`)).slice(-1);
    const bytes = Buffer.from(director.files.get(path ?? "") ?? "");
    bytes[bytes.length - 2] = 0x20;
    director.files.set(path ?? "", bytes);
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_METADATA_INVALID"));
  });

  it("that is signed with another generation than it has, or is no desired state, is refused", async () => {
    order({ generation: 2, custom: { generation: 3 } });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_METADATA_INVALID"));
    order({ generation: 3, body: { telemetry: null } });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_METADATA_INVALID"));
  });

  it("of a director that delegates is refused", async () => {
    const key = testKey();
    director.delegations = {
      keys: { [key.id]: { keytype: "ed25519", scheme: "ed25519", keyval: { public: key.publicHex } } },
      roles: [{ name: "other", keyids: [key.id], threshold: 1, terminating: true, paths: ["*"] }],
    };
    order({ generation: 1 });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_METADATA_INVALID"));
  });
});

describe("whoever has the director's online keys alone", () => {
  it("cannot have software installed that the image repository did not release", async () => {
    order({ generation: 1, deploy: "evil" });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_UNSIGNED"));
  });

  it("cannot have an older release installed", async () => {
    release("old", 1);
    release("new", 2);
    const before = device();
    before.noteInstalled("road-sign", 2);
    before.noteInstalled("road-sign", 1);
    order({ generation: 1, deploy: "old", releaseCounter: 1 });
    expect(device().floorOf("road-sign")).toBe(2);
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_ROLLBACK"));
    order({ generation: 1, deploy: "new", releaseCounter: 2 });
    expect(await device().refresh(signal)).toMatchObject({ outcome: "verified" });
  });

  it("cannot have a bundle installed on hardware that it was not released for", async () => {
    release("x", 1, { hardware: ["linux-x64"] });
    order({ generation: 1, deploy: "x" });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_WRONG_HARDWARE"));
  });

  it("cannot move the device's time past what the offline keys allow", async () => {
    release("a");
    director.lifeMs.timestamp = 10_000 * DAY;
    order({ generation: 1, deploy: "a", body: { issuedAt: NOW + 9_000 * DAY } });
    expect(await device().refresh(signal)).toMatchObject({ outcome: "verified" });
    image.now = NOW + DAY;
    image.publish();
    const later = new TrustedTime({ path: join(folder, "time.json"), buildTime: 0, clock });
    expect(later.reference).toBeLessThanOrEqual(NOW + DAY);
  });
});

describe("when the image repository is expired or away", () => {
  it("nothing new is installed, but an order that installs nothing gets through", async () => {
    release("a");
    order({ generation: 1, deploy: "a" });
    clock.time = NOW + 8 * DAY;
    director.now = clock.time;
    order({ generation: 2, deploy: "a" });
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_EXPIRED"));
    image.files.clear();
    expect(await device().refresh(signal)).toEqual(unchanged("SRT_TRUST_UNREACHABLE"));
    order({ generation: 3 });
    expect(await device().refresh(signal)).toMatchObject({ outcome: "verified" });
  });
});
