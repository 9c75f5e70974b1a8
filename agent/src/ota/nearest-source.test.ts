import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { MemoryBundleSource, makeBundle } from "../testing/make-bundle.js";
import { BundleInstaller } from "./bundle-installer.js";
import { NearestSource } from "./nearest-source.js";
import { SlotStore } from "./slot-store.js";

const never = new AbortController().signal;
const MINUTE_MS = 60_000;

describe("a device with neighbours that cache", () => {
  const bundle = makeBundle(1);
  let folder: string;
  let origin: MemoryBundleSource;
  let near: MemoryBundleSource;
  let far: MemoryBundleSource;
  let now: number;
  let log: string[];
  let source: NearestSource;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-nearest-"));
    [origin, near, far] = [1, 2, 3].map(() => new MemoryBundleSource(bundle)) as [
      MemoryBundleSource,
      MemoryBundleSource,
      MemoryBundleSource,
    ];
    now = 1_000_000;
    log = [];
    source = new NearestSource({
      nearby: [
        { name: "near", source: near },
        { name: "far", source: far },
      ],
      origin,
      clock: { ...systemClock, now: () => now },
      logger: createLogger("warn", (line) => void log.push(line)),
    });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  let installations = 0;
  async function install(): Promise<void> {
    const slots = new SlotStore(join(folder, String(installations++)));
    const installer = new BundleInstaller({
      source,
      clock: { ...systemClock, now: () => now },
      complete: () => [],
      parallel: 3,
    });
    const into = slots.folder("a");
    const manifest = await installer.prepare(into, bundle, never);
    await installer.download(into, { bundleId: bundle.bundleId, manifest }, () => undefined, never);
    await installer.verify(into, manifest);
  }
  const sent = () => [near, far, origin].map(({ sentBytes }) => sentBytes);

  it("takes everything from the first, and nothing from the control plane", async () => {
    await install();
    expect(sent()).toEqual([bundle.manifest.totalBytes, 0, 0]);
    expect(log).toEqual([]);
  });

  it("asks the next one, and the control plane in the end, where one does not have it; says so once a neighbour", async () => {
    near.fetchManifest = async () => Promise.reject(new SartorError("SRT_BUNDLE_UNKNOWN", "none"));
    far.fetchManifest = near.fetchManifest;
    await install();
    expect(sent()).toEqual([0, 0, bundle.manifest.totalBytes]);
    expect(log).toHaveLength(2);
  });

  it("goes on elsewhere, from the last byte, when one breaks off in the middle, and leaves it alone for a while", async () => {
    let pieces = 0;
    near.disturb = (piece) => {
      pieces += 1;
      if (pieces > 5) throw new SartorError("SRT_DOWNLOAD_FAILED", "cut");
      return piece;
    };
    await install();
    expect(near.sentBytes + far.sentBytes).toBe(bundle.manifest.totalBytes);
    expect(origin.sentBytes).toBe(0);
    const asked = near.requested.length;
    await install();
    expect(near.requested).toHaveLength(asked);
    near.disturb = (piece) => piece;
    now += MINUTE_MS;
    await install();
    expect(near.requested.length).toBeGreaterThan(asked);
  });

  it("never keeps what a liar brings, and asks it ever more rarely", async () => {
    near.disturb = (piece) => piece.map((byte) => byte ^ 1);
    far.disturb = near.disturb;
    await install();
    const after = near.sentBytes;
    expect(after).toBeGreaterThan(0);
    let asked = 0;
    for (let minute = 0; minute < 120; minute++) {
      now += MINUTE_MS;
      const before = near.sentBytes;
      await install();
      if (near.sentBytes > before) asked += 1;
    }
    expect(asked).toBeLessThan(12);
    expect(log).toHaveLength(2);
  });

  it("lets nobody rest for years because a clock was set back", async () => {
    near.disturb = () => {
      throw new SartorError("SRT_DOWNLOAD_FAILED", "cut");
    };
    await install();
    near.disturb = (piece) => piece;
    now = 0;
    await install();
    expect(near.sentBytes).toBeGreaterThan(0);
  });
});
