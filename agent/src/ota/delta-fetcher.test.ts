import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import zlib from "node:zlib";
import { type ByteSource, completeLayout, makeDelta, zstdTools } from "@sartor/shared/domain/delta";
import { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { MemoryBundleSource, makeBundle, type TestBundle, twinOf } from "../testing/make-bundle.js";
import { BundleInstaller, type BundleInstallerOptions } from "./bundle-installer.js";
import type { DeltaReply, DeltaRequest } from "./bundle-source.js";
import { SlotStore } from "./slot-store.js";

const never = new AbortController().signal;
const quiet = () => undefined;
const MODEL = "model.onnx";
/** Two versions of a model of 300 kB: one byte of forty is another, so that no chunk is the same. */
const [first, second] = [1, 2].map((seed) => {
  const old = Buffer.alloc(300_000, createHash("shake256", { outputLength: 300_000 }).update("model").digest());
  const content = seed === 1 ? old : old.map((byte, index) => (index % 40 === 7 ? byte ^ (index % 255) : byte));
  return withModel(makeBundle(seed, 20_000, 300_000), content);
}) as [TestBundle, TestBundle];

/** The same bundle with another model. */
function withModel({ chunks, manifest }: TestBundle, content: Uint8Array): TestBundle {
  const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const all = new Map(chunks);
  const refs = [];
  for (let at = 0; at < content.byteLength; at += 20_000) {
    const chunk = content.subarray(at, at + 20_000);
    all.set(digestOf(chunk), chunk);
    refs.push({ digest: digestOf(chunk), bytes: chunk.byteLength });
  }
  const model = { name: MODEL, bytes: content.byteLength, digest: digestOf(content), chunks: refs };
  const files = [...manifest.files.filter(({ name }) => name !== MODEL), model];
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return twinOf({ chunks: all }, { ...manifest, files, totalBytes });
}

const fileOf = ({ manifest }: TestBundle) => {
  const file = manifest.files.find(({ name }) => name === MODEL);
  if (file === undefined) throw new Error("no model");
  return file;
};
const contentOf = (bundle: TestBundle) =>
  Buffer.concat(fileOf(bundle).chunks.map(({ digest }) => bundle.chunks.get(digest) ?? new Uint8Array()));

function sourceOf(bytes: Uint8Array): ByteSource {
  return { length: bytes.byteLength, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

async function differenceOf(from: Uint8Array, to: Uint8Array): Promise<Uint8Array> {
  const laidOut = (bytes: Uint8Array) => ({ source: sourceOf(bytes), layout: completeLayout([], bytes.byteLength) });
  const parts: Uint8Array[] = [];
  for await (const part of makeDelta(laidOut(to), [laidOut(from)], zstdTools(createHash, zlib)))
    parts.push(part.slice());
  return Buffer.concat(parts);
}

async function* pieces(bytes: Uint8Array, offset = 0, most = 5_000): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < bytes.byteLength; at += most) yield bytes.subarray(at, at + most);
}

describe("a file of which an older version runs", () => {
  let folder: string;
  let slots: SlotStore;
  let source: MemoryBundleSource;
  let difference: Uint8Array;
  beforeAll(async () => {
    difference = await differenceOf(contentOf(first), contentOf(second));
    expect(difference.byteLength).toBeLessThan(60_000);
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sartor-deltas-"));
    slots = new SlotStore(folder);
    source = new MemoryBundleSource(first, second);
    await install("a", first);
    slots.activate("a");
    source.requested.length = 0;
    source.asked.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const installer = (more: Partial<BundleInstallerOptions> = {}) =>
    new BundleInstaller({
      source,
      clock: systemClock,
      complete: () => slots.allInstalled(),
      base: () => slots.activeBundle(),
      logger: createLogger("error", quiet),
      parallel: 4,
      ...more,
    });

  async function install(slot: "a" | "b", bundle: TestBundle, by = installer()): Promise<void> {
    const into = slots.folder(slot);
    const manifest = await by.prepare(into, bundle, never);
    await by.download(into, { bundleId: bundle.bundleId, manifest }, quiet, never);
    await by.verify(into, manifest);
    by.seal(into, bundle.bundleId);
  }

  /** Answers with the difference to the model, and with nothing else. */
  const offering =
    (content: Uint8Array, change: (reply: DeltaReply & { kind: "content" }) => DeltaReply = (reply) => reply) =>
    ({ file, partial }: DeltaRequest): DeltaReply => {
      if (file !== fileOf(second).digest) return { kind: "none", reason: "none" };
      const offset = partial?.etag === '"whole"' ? partial.bytes : 0;
      const body = pieces(content, offset);
      return change({ kind: "content", etag: '"whole"', offset, totalBytes: content.byteLength, body });
    };
  const chunksOfModel = () =>
    source.requested.filter((asked) => fileOf(second).chunks.some(({ digest }) => asked.startsWith(digest)));
  const breaksAfterTheOtherFile = () => {
    const most = source.sentBytes + second.manifest.totalBytes - fileOf(second).bytes;
    return (piece: Uint8Array) => {
      if (source.sentBytes >= most) throw new SartorError("SRT_DOWNLOAD_FAILED", "down");
      return piece;
    };
  };
  const expectInstalled = () => {
    expect(slots.installed("b")?.bundleId).toBe(second.bundleId);
    expect(readFileSync(join(slots.folder("b").path, MODEL)).equals(contentOf(second))).toBe(true);
    expect(readdirSync(slots.folder("b").path).filter((name) => name.startsWith("."))).toEqual([]);
  };

  it("comes as a difference to that, and no chunk of it is fetched", async () => {
    source.answerDelta = offering(difference);
    await install("b", second);
    expectInstalled();
    expect(chunksOfModel()).toEqual([]);
    const [asked] = source.asked.filter(({ file }) => file === fileOf(second).digest);
    expect(asked?.bases).toEqual([fileOf(first).digest]);
    expect(asked?.maximumBytes).toBe(Math.ceil(fileOf(second).bytes * 0.8));
  });

  it("is asked for again when its difference is still being made, after everything else came", async () => {
    let answers = 0;
    source.answerDelta = (request) =>
      answers++ < 3 ? { kind: "pending", retryAfterMs: 20 } : offering(difference)(request);
    await install("b", second);
    expectInstalled();
    expect(chunksOfModel()).toEqual([]);
  });

  it("comes as chunks where making its difference takes longer than they do", async () => {
    source.answerDelta = () => ({ kind: "pending", retryAfterMs: 60_000 });
    await install("b", second);
    expectInstalled();
    expect(chunksOfModel()).toHaveLength(fileOf(second).chunks.length);
  });

  it.each<[string, (content: Uint8Array) => Uint8Array]>([
    ["is damaged", (content) => content.map((byte, index) => (index === content.length - 40 ? byte ^ 1 : byte))],
    ["leads to another file", () => difference.slice(0, 40)],
    ["is none", () => Buffer.alloc(9_000, "no difference")],
    ["goes on after its end", (content) => Buffer.concat([content, content])],
  ])("comes as chunks where what is offered %s, which is not asked for again", async (_, change) => {
    source.answerDelta = offering(change(difference));
    const by = installer();
    await install("b", second, by);
    expectInstalled();
    expect(chunksOfModel()).toHaveLength(fileOf(second).chunks.length);
    const asked = source.asked.length;
    slots.folder("b").clear();
    await install("b", second, by);
    expect(source.asked.slice(asked).filter(({ file }) => file === fileOf(second).digest)).toEqual([]);
  });

  it("comes as chunks where what the device runs is damaged or short", async () => {
    source.answerDelta = offering(difference);
    const model = join(slots.folder("a").path, MODEL);
    for (const damaged of [Buffer.alloc(300_000, 7), Buffer.alloc(10)]) {
      writeFileSync(model, damaged);
      source.requested.length = 0;
      slots.folder("b").clear();
      await install("b", second);
      expectInstalled();
      expect(chunksOfModel()).toHaveLength(fileOf(second).chunks.length);
    }
  });

  it("is asked for without what the control plane does not know, or not at all", async () => {
    source.answerDelta = ({ bases }) => ({ kind: "unknown", digests: bases });
    await install("b", second);
    expectInstalled();
    expect(source.asked.filter(({ file }) => file === fileOf(second).digest)).toHaveLength(1);
  });

  it("is not asked for where the disk has no room for both, or little of it is missing", async () => {
    let looks = 0;
    await install("b", second, installer({ freeBytes: () => (looks++ < 2 ? 1e9 : 17_200_000) }));
    expectInstalled();
    expect(source.asked).toEqual([]);
    slots.folder("b").remove();
    slots.folder("b").clear();
    await install("b", first);
    expect(source.asked).toEqual([]);
  });

  it("goes on where the line broke, also in another process", async () => {
    source.answerDelta = offering(difference, (reply) => ({
      ...reply,
      body: (async function* () {
        yield difference.subarray(0, 700);
        throw new SartorError("SRT_DOWNLOAD_FAILED", "cut");
      })(),
    }));
    source.disturb = breaksAfterTheOtherFile();
    await expect(install("b", second)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    source.disturb = (piece) => piece;
    const offsets: number[] = [];
    source.answerDelta = offering(difference, (reply) => {
      offsets.push(reply.offset);
      return reply;
    });
    slots = new SlotStore(folder);
    await install("b", second);
    expectInstalled();
    expect(offsets).toEqual([700]);
  });

  it("begins anew where the difference became another one meanwhile", async () => {
    source.answerDelta = offering(difference, (reply) => ({ ...reply, body: pieces(difference.subarray(0, 900)) }));
    source.disturb = breaksAfterTheOtherFile();
    await expect(install("b", second)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
    source.disturb = (piece) => piece;
    source.answerDelta = offering(difference, ({ totalBytes }) => {
      return { kind: "content", etag: '"other"', offset: 0, totalBytes, body: pieces(difference) };
    });
    await install("b", second);
    expectInstalled();
    expect(chunksOfModel().length).toBeLessThan(fileOf(second).chunks.length + 4);
  });

  it("stops at once when the deployment is given up, and leaves no process", async () => {
    const control = new AbortController();
    source.answerDelta = offering(difference, (reply) => ({
      ...reply,
      body: (async function* () {
        yield difference.subarray(0, 700);
        control.abort(new Error("given up"));
        yield difference.subarray(700);
      })(),
    }));
    const by = installer();
    const into = slots.folder("b");
    const manifest = await by.prepare(into, second, never);
    const run = by.download(into, { bundleId: second.bundleId, manifest }, quiet, control.signal);
    await expect(run).rejects.toThrow("given up");
  });
});
