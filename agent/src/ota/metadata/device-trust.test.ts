import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DesiredState, TRUST_LIMITS, TRUST_PATHS } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestRelease, TestTrust } from "../testing/test-trust.js";
import type { MetadataTransport } from "./bounded-download.js";
import { DeviceTrust } from "./device-trust.js";
import { DAY, NOW, pieces, testClock } from "./test-repository.js";
import { type Enrolment, removeFormerTrust, trustFolderOf } from "./trust-folder.js";

const ID = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const { signal } = new AbortController();
const IDENTITY: Enrolment = { deviceId: "device-1", enrolmentId: "0123456789abcdef" };

function releaseOf(name: string): TestRelease {
  const manifest = Buffer.from(`{"bundle":"${name}"}`);
  const bundleId = `sha256:${createHash("sha256").update(manifest).digest("hex")}`;
  return { bundleId, model: "road-sign", version: "1.0.0", manifest };
}

function desired(generation: number, release?: TestRelease, deviceId = "device-1"): DesiredState {
  const deployment = release && {
    deploymentId: ID,
    rolloutId: ID,
    bundle: {
      bundleId: release.bundleId,
      manifestBytes: release.manifest.byteLength,
      model: release.model,
      version: release.version,
    },
    probe: { deadlineMs: 60_000, soakMs: 0 },
  };
  return {
    schemaVersion: 1,
    deviceId,
    generation,
    issuedAt: NOW,
    deployment: deployment ?? null,
    tuning: null,
    telemetry: { windowSeconds: 60 },
  };
}

let state: string;
let trust: TestTrust;
let clock: ReturnType<typeof testClock>;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "sartor-trust-"));
  trust = new TestTrust("device-1", NOW);
  clock = testClock();
});
afterEach(() => rmSync(state, { recursive: true }));

const open = (identity = IDENTITY, transport: MetadataTransport = trust.transport) =>
  new DeviceTrust({
    folder: trustFolderOf(state, identity),
    deviceId: identity.deviceId,
    hardware: ["linux-x64", "linux-arm64"],
    addressOf: (path) => new URL(path, "https://control-plane.test"),
    transport,
    buildTime: NOW - 100 * DAY,
    clock,
  });
const factoryRoot = (repository: "image" | "director", identity = IDENTITY) =>
  join(trustFolderOf(state, identity), repository, "factory-root.json");
const roots = () => trust.requests.filter((path) => path === TRUST_PATHS.roots).length;
const answering =
  (status: number, body: string | Buffer): MetadataTransport =>
  async () => ({ status, body: pieces([Buffer.from(body)]) });
const refused = (code: string) => ({ outcome: "unchanged", reason: expect.objectContaining({ code }) });

describe("the first roots", () => {
  it("are fetched once, kept, and from then on asked for never again", async () => {
    trust.order(desired(1));
    expect(await open().refresh(signal)).toMatchObject({ outcome: "verified" });
    expect(await open().refresh(signal)).toMatchObject({ outcome: "verified" });
    expect(roots()).toBe(1);
    for (const repository of ["image", "director"] as const)
      expect(readFileSync(factoryRoot(repository))).toEqual(trust[repository].factoryRoot);
  });

  it("are not there before the key ceremony: that is said in its own words, and passes once it was held", async () => {
    trust.isCeremonyHeld = false;
    const device = open();
    expect(await device.refresh(signal)).toEqual(refused("SRT_TRUST_NO_ROOT"));
    expect(await open(IDENTITY, answering(404, "no such page")).refresh(signal)).toEqual(refused("SRT_TRUST_NO_ROOT"));
    expect(existsSync(factoryRoot("image"))).toBe(false);
    trust.isCeremonyHeld = true;
    trust.order(desired(1));
    expect(await device.refresh(signal)).toMatchObject({ outcome: "verified" });
  });

  it("are out of reach when the control plane is, or does not know the device", async () => {
    const away: MetadataTransport = () => Promise.reject(new Error("connect ECONNREFUSED"));
    expect(await open(IDENTITY, away).refresh(signal)).toEqual(refused("SRT_TRUST_UNREACHABLE"));
    const unknown = JSON.stringify({ error: { code: "SRT_CERTIFICATE_REVOKED", message: "revoked" } });
    for (const answer of [answering(401, unknown), answering(503, "busy"), answering(500, Buffer.alloc(40_000))])
      expect(await open(IDENTITY, answer).refresh(signal)).toEqual(refused("SRT_TRUST_UNREACHABLE"));
  });

  it("are kept only when they are roots that their own keys signed: anything else would be refused for ever", async () => {
    const { image, director } = trust;
    const good = director.factoryRoot.toString("base64");
    const forged = Buffer.from(image.factoryRoot.toString("utf8").replace(/"sig":"./g, '"sig":"0'));
    const large = Buffer.alloc(TRUST_LIMITS.rootBytes + 1, 32);
    const timestamp = image.files.get("metadata/timestamp.json") ?? Buffer.alloc(0);
    const bodies = [
      "{",
      "{}",
      JSON.stringify({ image: good }),
      ...[Buffer.from("{}"), Buffer.from("no root"), forged, large, timestamp].map((bad) =>
        JSON.stringify({ image: bad.toString("base64"), director: good }),
      ),
      Buffer.alloc(3 * TRUST_LIMITS.rootBytes, 32),
    ];
    for (const body of bodies) {
      const result = await open(IDENTITY, answering(200, body)).refresh(signal);
      if (result.outcome !== "unchanged") throw new Error("it was taken");
      expect(result.reason.code).toMatch(/^SRT_TRUST_(METADATA_INVALID|SIGNATURE)$/);
      expect(existsSync(factoryRoot("image"))).toBe(false);
      expect(existsSync(factoryRoot("director"))).toBe(false);
    }
  });

  it("that are there are never replaced, also when the power went between the two", async () => {
    trust.order(desired(1));
    await open().refresh(signal);
    const kept = readFileSync(factoryRoot("image"));
    rmSync(factoryRoot("director"));
    // Another control plane's image root is not believed, whatever comes with it.
    const stranger = new TestTrust("device-1", NOW);
    stranger.order(desired(2));
    await open(IDENTITY, stranger.transport).refresh(signal);
    expect(readFileSync(factoryRoot("image"))).toEqual(kept);
  });

  it("are waited for no longer than the agent runs", async () => {
    const stop = new AbortController();
    const never: MetadataTransport = () => new Promise(() => undefined);
    const asked = open(IDENTITY, never).refresh(stop.signal);
    stop.abort();
    await expect(asked).rejects.toThrow(/abort/i);
  });
});

describe("what an enrolment trusts", () => {
  const again: Enrolment = { deviceId: "device-1", enrolmentId: "fedcba9876543210" };
  const renamed: Enrolment = { deviceId: "device-2", enrolmentId: "fedcba9876543210" };

  it.each([
    ["under its name", again],
    ["under another name", renamed],
    ["by an older release's identity", { deviceId: "device-3" }],
  ])("is never what a former one trusted, even before that was removed: enrolled anew %s", async (_, next) => {
    const release = releaseOf("a");
    trust.release(release, 9);
    trust.order(desired(50, release));
    expect(await open().refresh(signal)).toMatchObject({ outcome: "verified" });
    open().noteInstalled("road-sign", 9);

    // Another fleet: other roots, and it counts from the start.
    trust = new TestTrust(next.deviceId, NOW);
    trust.release(release, 1);
    trust.order(desired(1, release, next.deviceId));
    expect(open(next).floorOf("road-sign")).toBe(0);
    expect(await open(next).refresh(signal)).toMatchObject({ outcome: "verified" });
    expect(readFileSync(factoryRoot("image", next))).toEqual(trust.image.factoryRoot);

    removeFormerTrust(state, next);
    expect(readdirSync(join(state, "trust"))).toHaveLength(1);
    expect(await open(next).refresh(signal)).toMatchObject({ outcome: "verified" });
    expect(roots()).toBe(1);
  });

  it("stays over restarts and renewals, and whatever else lies beside it goes", async () => {
    removeFormerTrust(state, IDENTITY);
    trust.order(desired(3));
    await open().refresh(signal);
    mkdirSync(join(state, "trust", "device-1.half-removed"));
    writeFileSync(join(state, "trust", "stray"), "");
    removeFormerTrust(state, IDENTITY);
    expect(readdirSync(join(state, "trust"))).toEqual(["device-1.0123456789abcdef"]);
    trust.order(desired(2));
    expect(await open().refresh(signal)).toEqual(refused("SRT_TRUST_ROLLBACK"));
  });

  it("keeps a floor before it has any roots: what was committed is noted at the start, with or without a network", () => {
    open().noteInstalled("road-sign", 4);
    expect(open().floorOf("road-sign")).toBe(4);
  });
});
