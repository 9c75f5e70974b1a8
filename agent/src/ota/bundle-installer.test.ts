import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock, TooSlow } from "../platform/index.js";
import { MemoryBundleSource, makeBundle } from "../testing/make-bundle.js";
import { BundleInstaller, type BundleInstallerOptions } from "./bundle-installer.js";
import { SlotStore } from "./slot-store.js";

const never = new AbortController().signal;
const quiet = () => undefined;

describe("bringing a bundle into a slot", () => {
  let folder: string;
  let slots: SlotStore;
  const bundle = makeBundle(1);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-ota-"));
    slots = new SlotStore(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const installerOf = (source: MemoryBundleSource, more: Partial<BundleInstallerOptions> = {}) =>
    new BundleInstaller({ source, clock: systemClock, complete: () => slots.allInstalled(), ...more });

  async function install(source: MemoryBundleSource, slot: "a" | "b" = "a", wanted = bundle): Promise<void> {
    const installer = installerOf(source);
    const into = slots.folder(slot);
    const manifest = await installer.prepare(into, wanted, never);
    await installer.download(into, { bundleId: bundle.bundleId, manifest }, quiet, never);
    await installer.verify(into, manifest);
    installer.seal(into, wanted.bundleId);
  }

  it("ends with files that are the bundle's to the byte, and counts as installed only once sealed", async () => {
    const installer = installerOf(new MemoryBundleSource(bundle));
    const manifest = await installer.prepare(slots.folder("a"), bundle, never);
    await installer.download(slots.folder("a"), { bundleId: bundle.bundleId, manifest }, quiet, never);
    expect(slots.installed("a")).toBeUndefined();
    await installer.verify(slots.folder("a"), manifest);
    installer.seal(slots.folder("a"), bundle.bundleId);
    expect(slots.installed("a")?.bundleId).toBe(bundle.bundleId);
    const model = readFileSync(join(slots.folder("a").path, "model.onnx"));
    expect(model.byteLength).toBe(bundle.manifest.files[1]?.bytes);
  });

  it.each([
    ["breaks off after each piece is gone on with", "cut", undefined],
    ["drips a piece at a time is given up", "too slow", new TooSlow({ bytes: 4_096, windowMs: 60_000 })],
  ])("a source that %s", async (_title, message, cause) => {
    const source = new MemoryBundleSource(bundle);
    let pieces = 0;
    source.disturb = (piece) => {
      pieces += 1;
      if (pieces % 2 === 0) throw new SartorError("SRT_DOWNLOAD_FAILED", message, { cause });
      return piece;
    };
    if (cause === undefined) await install(source);
    else await expect(install(source)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED", message });
  });

  it("goes on where a broken connection stopped, by range and not from the start", async () => {
    const source = new MemoryBundleSource(bundle);
    let pieces = 0;
    source.disturb = (piece) => {
      pieces += 1;
      if (pieces === 3) throw new SartorError("SRT_DOWNLOAD_FAILED", "cut");
      return piece;
    };
    await install(source);
    expect(source.requested.some((request) => request.endsWith("@600"))).toBe(true);
    expect(source.sentBytes).toBe(bundle.manifest.totalBytes);
  });

  it("does not fetch again what a killed agent had fetched already", async () => {
    const source = new MemoryBundleSource(bundle);
    source.disturb = (piece) => {
      if (source.sentBytes > 4000) throw new SartorError("SRT_DOWNLOAD_FAILED", "down");
      return piece;
    };
    await expect(install(source)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    source.disturb = (piece) => piece;
    await install(source);
    expect(source.sentBytes).toBeLessThan(bundle.manifest.totalBytes + 1000);
  });

  it("takes chunks that the other slot holds from there", async () => {
    const source = new MemoryBundleSource(bundle, makeBundle(1));
    await install(source, "a");
    const before = source.sentBytes;
    await install(source, "b");
    expect(source.sentBytes).toBe(before);
  });

  it("fetches a chunk that arrives damaged again, and refuses a source that stays damaged", async () => {
    const source = new MemoryBundleSource(bundle);
    let first = true;
    source.disturb = (piece) => {
      if (!first) return piece;
      first = false;
      return piece.map((byte) => byte ^ 1);
    };
    await install(source);
    source.disturb = (piece) => piece.map((byte) => byte ^ 1);
    await expect(install(source, "b", bundle)).resolves.toBeUndefined(); // chunks come from slot a
    slots.folder("a").clear();
    slots.folder("b").clear();
    await expect(install(source, "b")).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
  });

  it("finds a file that was cut or changed on the disk, and mends only that", async () => {
    const source = new MemoryBundleSource(bundle);
    await install(source);
    const installer = installerOf(source);
    const model = join(slots.folder("a").path, "model.onnx");
    truncateSync(model, 1200);
    await expect(installer.verify(slots.folder("a"), bundle.manifest)).rejects.toMatchObject({
      code: "SRT_DIGEST_MISMATCH",
    });
    const before = source.sentBytes;
    await installer.download(slots.folder("a"), bundle, quiet, never);
    await installer.verify(slots.folder("a"), bundle.manifest);
    expect(source.sentBytes - before).toBe(2499);
  });

  it("refuses a bundle that does not fit, with the numbers", async () => {
    const installer = installerOf(new MemoryBundleSource(bundle), { freeBytes: () => 1_000_000 });
    await expect(installer.prepare(slots.folder("a"), bundle, never)).rejects.toMatchObject({
      code: "SRT_DISK_FULL",
      details: { freeBytes: 1_000_000 },
    });
  });

  it("does not take a slot for installed whose manifest was changed", async () => {
    await install(new MemoryBundleSource(bundle));
    writeFileSync(
      join(slots.folder("a").path, "bundle.json"),
      JSON.stringify({ ...bundle.manifest, version: "6.6.6" }),
    );
    expect(slots.installed("a")).toBeUndefined();
  });

  it("switches the active slot by one rename", () => {
    expect(slots.active()).toBeUndefined();
    slots.activate("a");
    slots.activate("b");
    expect(slots.active()).toBe("b");
    slots.deactivate();
    expect(slots.active()).toBeUndefined();
  });
});
