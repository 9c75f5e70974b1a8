import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { MemoryBundleSource, makeBundle, type TestBundle, twinOf } from "../testing/make-bundle.js";
import { BundleInstaller } from "./bundle-installer.js";
import { CandidateStore, type CandidateStoreOptions } from "./candidate-store.js";
import { SlotStore } from "./slot-store.js";

const never = new AbortController().signal;
const quiet = () => undefined;
const logger = createLogger("error", quiet);

describe("bundles that are fetched to be measured", () => {
  let folder: string;
  let slots: SlotStore;
  const [first, second] = [makeBundle(1), makeBundle(2)];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-candidates-"));
    slots = new SlotStore(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (source: MemoryBundleSource, more: Partial<CandidateStoreOptions> = {}) =>
    new CandidateStore({ root: folder, slots, source, clock: systemClock, logger, ...more });

  async function installInSlot(slot: "a" | "b", bundle: TestBundle, source: MemoryBundleSource): Promise<void> {
    const installer = new BundleInstaller({ source, clock: systemClock, complete: () => slots.allInstalled() });
    await installer.prepare(slots.folder(slot), bundle, never);
    await installer.download(slots.folder(slot), bundle, quiet, never);
    installer.seal(slots.folder(slot), bundle.bundleId);
  }

  it("lie whole in a folder of their own, and the slots are as before", async () => {
    const source = new MemoryBundleSource(first, second);
    await installInSlot("a", first, source);
    const before = readdirSync(join(folder, "slots", "a"));
    const store = open(source);
    const shares: number[] = [];
    await store.fetch(second, (share) => shares.push(share), never);
    const found = store.locate(second.bundleId);
    expect(found).toMatchObject({ bundleId: second.bundleId, manifest: { version: "1.0.2" } });
    expect(found?.folder).toBe(join(folder, "candidates", second.bundleId.slice("sha256:".length)));
    expect(readFileSync(join(found?.folder ?? "", "bundle.json"))).toEqual(Buffer.from(second.bytes));
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(readdirSync(join(folder, "slots", "a"))).toEqual(before);
    expect(readdirSync(join(folder, "slots", "b"))).toEqual([]);
  });

  it("cost nothing when a slot or a former fetch has them already", async () => {
    const source = new MemoryBundleSource(first, second);
    await installInSlot("a", first, source);
    const store = open(source);
    await store.fetch(second, quiet, never);
    const before = source.sentBytes;
    await store.fetch(first, quiet, never);
    await store.fetch(second, quiet, never);
    expect(source.sentBytes).toBe(before);
    expect(store.locate(first.bundleId)?.folder).toBe(slots.folder("a").path);
    expect(readdirSync(join(folder, "candidates"))).toHaveLength(1);
  });

  it("share chunks with slots and with each other, which are not fetched twice", async () => {
    const source = new MemoryBundleSource(first, second);
    const named = (bundle: TestBundle, name: string) =>
      twinOf(bundle, { ...bundle.manifest, variant: { ...bundle.manifest.variant, name } });
    const [likeSlot, likeCandidate] = [named(first, "other"), named(second, "other")];
    await installInSlot("a", first, source);
    const line = new MemoryBundleSource(likeSlot, second, likeCandidate);
    const store = open(line);
    await store.fetch(likeSlot, quiet, never);
    expect(line.sentBytes).toBe(0);
    await store.fetch(second, quiet, never);
    const before = line.sentBytes;
    await store.fetch(likeCandidate, quiet, never);
    expect(line.sentBytes).toBe(before);
  });

  it("that were cut off by a crash are completed, and nothing is fetched twice", async () => {
    const source = new MemoryBundleSource(first);
    source.disturb = (piece) => {
      if (source.sentBytes > 4000) throw new SartorError("SRT_DOWNLOAD_FAILED", "down");
      return piece;
    };
    await expect(open(source).fetch(first, quiet, never)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    expect(open(source).locate(first.bundleId)).toBeUndefined();
    source.disturb = (piece) => piece;
    const again = open(source);
    await again.fetch(first, quiet, never);
    expect(again.locate(first.bundleId)).toBeDefined();
    expect(source.sentBytes).toBeLessThan(first.manifest.totalBytes + 1000);
  });

  it("are verified again after a restart, and mended where the disk damaged them", async () => {
    const source = new MemoryBundleSource(first);
    const store = open(source);
    await store.fetch(first, quiet, never);
    const model = join(store.locate(first.bundleId)?.folder ?? "", "model.onnx");
    truncateSync(model, 1200);
    const restarted = open(source);
    expect(restarted.locate(first.bundleId)).toBeUndefined();
    const before = source.sentBytes;
    await restarted.fetch(first, quiet, never);
    expect(source.sentBytes - before).toBe(2499);
    expect(readFileSync(model).byteLength).toBe(first.manifest.files[1]?.bytes);
  });

  it("in a slot that is damaged are fetched beside it, and the slot is left as it is", async () => {
    const source = new MemoryBundleSource(first);
    await installInSlot("a", first, source);
    const model = join(slots.folder("a").path, "model.onnx");
    truncateSync(model, 1200);
    const store = open(source);
    await store.fetch(first, quiet, never);
    expect(store.locate(first.bundleId)?.folder).toContain("candidates");
    expect(readFileSync(model).byteLength).toBe(1200);
  });

  it("are refused with the numbers when the disk has no room for them and a reserve, and leave nothing half-built on offer", async () => {
    const store = open(new MemoryBundleSource(first), { freeBytes: () => 1_000_000 });
    await expect(store.fetch(first, quiet, never)).rejects.toMatchObject({
      code: "SRT_DISK_FULL",
      details: { freeBytes: 1_000_000 },
    });
    expect(store.locate(first.bundleId)).toBeUndefined();
  });

  it("that stay damaged on the way are refused by their digest", async () => {
    const source = new MemoryBundleSource(first);
    source.disturb = (piece) => piece.map((byte) => byte ^ 1);
    const store = open(source);
    await expect(store.fetch(first, quiet, never)).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
    expect(store.locate(first.bundleId)).toBeUndefined();
  });

  it("go away when they are no longer wanted, and what is no candidate goes at the start", async () => {
    const source = new MemoryBundleSource(first, second);
    const store = open(source);
    await store.fetch(first, quiet, never);
    await store.fetch(second, quiet, never);
    await store.discard(new Set([second.bundleId]));
    expect(store.locate(first.bundleId)).toBeUndefined();
    expect(store.locate(second.bundleId)).toBeDefined();
    mkdirSync(join(folder, "candidates", "something"));
    writeFileSync(join(folder, "candidates", "a file"), "");
    await open(source).discard(new Set());
    expect(readdirSync(join(folder, "candidates"))).toEqual([]);
  });

  it("make way for a deployment that would not fit otherwise", async () => {
    const source = new MemoryBundleSource(first, second);
    const store = open(source);
    await store.fetch(first, quiet, never);
    const candidate = store.locate(first.bundleId)?.folder ?? "";
    const installer = new BundleInstaller({
      source,
      clock: systemClock,
      complete: () => [],
      freeBytes: () => (existsSync(candidate) ? 0 : 2 ** 30),
      makeRoom: () => store.discard(new Set()),
    });
    await installer.prepare(slots.folder("a"), second, never);
    expect(existsSync(candidate)).toBe(false);
  });

  it("can be given up in the middle", async () => {
    const source = new MemoryBundleSource(first);
    const stop = new AbortController();
    const store = open(source);
    source.disturb = (piece) => {
      stop.abort();
      return piece;
    };
    await expect(store.fetch(first, quiet, stop.signal)).rejects.toThrow(/abort/i);
    expect(store.locate(first.bundleId)).toBeUndefined();
  });

  it("get no path from a name that is no digest", async () => {
    await expect(
      open(new MemoryBundleSource()).fetch({ bundleId: "sha256:../../etc", manifestBytes: 1 }, quiet, never),
    ).rejects.toThrow("no bundle's id");
  });
});
