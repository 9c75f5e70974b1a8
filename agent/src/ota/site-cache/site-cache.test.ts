import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { deltaPath } from "@sartor/shared/protocol";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, type HttpAnswer, systemClock } from "../../platform/index.js";
import { MemoryBundleSource, makeBundle } from "../../testing/make-bundle.js";
import { BundleInstaller } from "../bundle-installer.js";
import { SlotStore } from "../slot-store.js";
import { ContentStore, InstalledContent, SiteCache } from "./index.js";
import type { CacheAnswer } from "./site-cache.js";

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const contentOf = (seed: number, bytes = 1000) => Buffer.alloc(bytes).map((_, at) => (at * 7 + seed * 13) & 0xff);
const chunkPath = (bytes: Uint8Array) => `/api/v1/chunks/${digestOf(bytes)}`;

/** A control plane in memory that counts what it is asked. */
class Origin {
  readonly contents = new Map<string, Uint8Array>();
  readonly asked: string[] = [];
  /** Waits before each piece. */
  pace: () => Promise<void> = async () => undefined;
  /** May change a piece, or throw. */
  disturb: (piece: Uint8Array) => Uint8Array = (piece) => piece;
  refuse: HttpAnswer | undefined;

  add(content: Uint8Array, path = chunkPath(content)): string {
    this.contents.set(path, content);
    return path;
  }

  readonly fetch = async (
    { path }: { path: string },
    begun: { offset: number; etag: string } | undefined,
  ): Promise<HttpAnswer> => {
    this.asked.push(path);
    const { pace, refuse } = this;
    const disturb = (piece: Uint8Array) => this.disturb(piece);
    const content = this.contents.get(path);
    if (refuse !== undefined) return refuse;
    if (content === undefined) return answerOf(404, {}, Buffer.from("{}"));
    const offset = begun?.offset ?? 0;
    async function* body() {
      for (let at = offset; at < (content?.byteLength ?? 0); at += 100) {
        await pace();
        yield disturb(content?.subarray(at, at + 100) ?? Buffer.alloc(0));
      }
    }
    const headers = { etag: `"${digestOf(content)}"`, "content-length": String(content.byteLength - offset) };
    return { status: begun === undefined ? 200 : 206, headers, body: body(), discard: () => undefined };
  };
}

function answerOf(status: number, headers: Record<string, string>, body: Uint8Array): HttpAnswer {
  async function* pieces() {
    yield body;
  }
  return { status, headers, body: pieces(), discard: () => undefined };
}

async function read({ body, close }: CacheAnswer): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of body) pieces.push(piece);
  } finally {
    await close();
  }
  return Buffer.concat(pieces);
}

describe("a site cache", () => {
  let folder: string;
  let origin: Origin;
  let ending: AbortController;
  let freeBytes: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-site-cache-"));
    origin = new Origin();
    ending = new AbortController();
    freeBytes = 1e12;
  });
  afterEach(async () => {
    ending.abort();
    rmSync(folder, { recursive: true, force: true });
  });

  function open(maximumBytes = 100_000, installed: Pick<InstalledContent, "open"> = new InstalledContent(() => [])) {
    const logger = createLogger("error");
    const store = new ContentStore({
      folder: join(folder, "kept"),
      maximumBytes,
      clock: systemClock,
      logger,
      freeBytes: () => freeBytes,
    });
    const cache = new SiteCache({ installed, store, fetch: origin.fetch, logger, signal: ending.signal });
    const get = (target: string, headers: Record<string, string> = {}) =>
      cache.answer({ method: "GET", target, headers });
    return { cache, store, get };
  }

  it("asks the control plane once, however many want the same, and not again after that", async () => {
    const content = contentOf(1);
    const path = origin.add(content);
    const { get, cache } = open();
    const all = await Promise.all(Array.from({ length: 20 }, async () => read(await get(path))));
    for (const each of all) expect(each.equals(content)).toBe(true);
    await cache.ended();
    expect(await read(await get(path))).toEqual(content);
    expect(origin.asked).toEqual([path]);
  });

  it("passes on what comes while it comes, and the last byte only once the whole has its digest", async () => {
    const content = contentOf(2);
    const path = origin.add(content);
    const { get } = open();
    const steps: (() => void)[] = [];
    origin.pace = () => new Promise((resolve) => steps.push(resolve));
    const answer = await get(path);
    const pieces = answer.body[Symbol.asyncIterator]();
    let got = 0;
    for (let step = 0; step < 9; step++) {
      while (steps.length === 0) await new Promise(setImmediate);
      steps.shift()?.();
      got += (await pieces.next()).value?.byteLength ?? 0;
    }
    expect(got).toBe(900);
    origin.disturb = (piece) => piece.map((byte) => byte ^ 1);
    while (steps.length === 0) await new Promise(setImmediate);
    steps.shift()?.();
    got += (await pieces.next()).value?.byteLength ?? 0;
    expect(got).toBe(999);
    await expect(pieces.next()).rejects.toMatchObject({ code: "SRT_DIGEST_MISMATCH" });
    await answer.close();
  });

  it("keeps nothing of what does not have its digest", async () => {
    const path = origin.add(contentOf(3));
    origin.disturb = (piece) => piece.map((byte) => byte ^ 1);
    const { get, store, cache } = open();
    await expect(get(path).then(read)).rejects.toThrow();
    await cache.ended();
    expect(store.bytes).toBe(0);
    expect(readdirSync(join(folder, "kept"))).toEqual([]);
    origin.disturb = (piece) => piece;
    expect(await read(await get(path))).toEqual(contentOf(3));
  });

  it("goes on from the last byte when the line to the control plane breaks", async () => {
    const path = origin.add(contentOf(4));
    let pieces = 0;
    origin.disturb = (piece) => {
      pieces += 1;
      if (pieces % 4 === 0) throw new SartorError("SRT_DOWNLOAD_FAILED", "cut");
      return piece;
    };
    expect(await read(await open().get(path))).toEqual(contentOf(4));
    expect(pieces).toBeLessThan(15);
  });

  it("tells its readers when the control plane is out of reach, and asks again for the next one", async () => {
    const path = origin.add(contentOf(5));
    const { get, cache } = open();
    const { fetch } = origin;
    Object.assign(origin, { fetch: () => Promise.reject(new SartorError("SRT_DOWNLOAD_FAILED", "away")) });
    const away = new SiteCache({
      installed: new InstalledContent(() => []),
      store: open().store,
      fetch: origin.fetch,
      logger: createLogger("error"),
      signal: ending.signal,
    });
    expect((await away.answer({ method: "GET", target: path, headers: {} })).status).toBe(502);
    Object.assign(origin, { fetch });
    expect(await read(await get(path))).toEqual(contentOf(5));
    await cache.ended();
  });

  it("stays within its bytes: the least recently used goes first, and nothing goes while it is read", async () => {
    const paths = [1, 2, 3, 4].map((seed) => origin.add(contentOf(seed)));
    const { get, store, cache } = open(3_000);
    const ask = async (index: number) => {
      const answer = await get(paths[index] ?? "");
      return read(answer).finally(() => cache.ended());
    };
    for (const index of [0, 1, 2, 0]) await ask(index);
    expect(origin.asked).toHaveLength(3);
    const oldest = await get(paths[1] ?? "");
    await ask(2);
    await ask(0);
    // The fourth needs room, which the second one gives although somebody reads it.
    await ask(3);
    expect(store.bytes).toBe(3_000);
    expect(await read(oldest)).toEqual(contentOf(2));
    expect(origin.asked).toHaveLength(4);
    await ask(0);
    expect(origin.asked).toHaveLength(4);
    await ask(1);
    expect(origin.asked).toHaveLength(5);
  });

  it("keeps within its bytes whatever is asked in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 40 }), async (order) => {
        const { get, store, cache } = open(3_500);
        const sizes = Array.from({ length: 12 }, (_, seed) => 100 + seed * 150);
        const paths = sizes.map((bytes, seed) => origin.add(contentOf(seed, bytes)));
        for (const index of order) {
          expect(await read(await get(paths[index] ?? ""))).toEqual(contentOf(index, sizes[index]));
          await cache.ended();
          expect(store.bytes).toBeLessThanOrEqual(3_500);
          const onDisk = readdirSync(join(folder, "kept")).map((name) => statSync(join(folder, "kept", name)).size);
          expect(onDisk.reduce((sum, bytes) => sum + bytes, 0)).toBe(store.bytes);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("takes no room that the disk needs for other things", async () => {
    const path = origin.add(contentOf(6));
    freeBytes = 10_000_000;
    const { get, store } = open();
    expect((await get(path)).status).toBe(507);
    expect(store.bytes).toBe(0);
  });

  it("still has after a restart what it had, and throws away what was damaged meanwhile", async () => {
    const [good, bad] = [contentOf(7), contentOf(8)].map((content) => origin.add(content)) as [string, string];
    const first = open();
    await read(await first.get(good));
    await read(await first.get(bad));
    await first.cache.ended();
    const kept = join(folder, "kept");
    const name = readdirSync(kept).find((each) => each.endsWith(digestOf(contentOf(8)).slice(7))) ?? "";
    writeFileSync(join(kept, name), Buffer.alloc(1000));
    writeFileSync(join(kept, "coming-7"), "half of something");
    const second = open();
    expect(second.store.bytes).toBe(2_000);
    expect(readdirSync(kept)).toHaveLength(2);
    expect(await read(await second.get(good))).toEqual(contentOf(7));
    expect(origin.asked).toHaveLength(2);
    expect(await read(await second.get(bad))).toEqual(contentOf(8));
    expect(origin.asked).toHaveLength(3);
    second.store.clear();
    expect(second.store.bytes).toBe(0);
  });

  it("serves what is installed on its own disk without asking anybody, unless it is damaged", async () => {
    const bundle = makeBundle(1);
    const slots = new SlotStore(folder);
    const installer = new BundleInstaller({
      source: new MemoryBundleSource(bundle),
      clock: systemClock,
      complete: () => [],
    });
    const manifest = await installer.prepare(slots.folder("a"), bundle, ending.signal);
    const wanted = { bundleId: bundle.bundleId, manifest };
    await installer.download(slots.folder("a"), wanted, () => undefined, ending.signal);
    installer.seal(slots.folder("a"), bundle.bundleId);
    const { get } = open(100_000, new InstalledContent(() => slots.allInstalled()));
    expect(await read(await get(`/api/v1/bundles/${bundle.bundleId}/manifest`))).toEqual(Buffer.from(bundle.bytes));
    for (const [digest, content] of bundle.chunks)
      expect(await read(await get(`/api/v1/chunks/${digest}`))).toEqual(Buffer.from(content));
    expect(origin.asked).toEqual([]);
    writeFileSync(join(slots.folder("a").path, "model.onnx"), Buffer.alloc(3_499));
    const [digest, content] = [...bundle.chunks].at(-1) ?? ["", Buffer.alloc(0)];
    origin.add(content);
    expect(await read(await get(`/api/v1/chunks/${digest}`))).toEqual(Buffer.from(content));
    expect(origin.asked).toHaveLength(1);
  });

  it("gives ranges, and says what the client holds already", async () => {
    const content = contentOf(9);
    const path = origin.add(content);
    const etag = `"${digestOf(content)}"`;
    const { get, cache } = open();
    for (const _ of ["while it comes", "from what is kept"]) {
      const part = await get(path, { range: "bytes=900-" });
      expect(part).toMatchObject({ status: 206, headers: { etag, "content-range": "bytes 900-999/1000" } });
      expect(await read(part)).toEqual(content.subarray(900));
      await cache.ended();
    }
    const other = await get(path, { range: "bytes=900-", "if-range": '"another"' });
    expect(other.status).toBe(200);
    expect(await read(other)).toEqual(content);
    const held = await get(path, { "if-none-match": etag });
    expect([held.status, (await read(held)).byteLength]).toEqual([304, 0]);
    expect((await get(path, { range: "bytes=1000-" })).status).toBe(416);
    const head = await cache.answer({ method: "HEAD", target: path, headers: {} });
    expect([head.headers["content-length"], (await read(head)).byteLength]).toEqual(["1000", 0]);
    expect(origin.asked).toHaveLength(1);
  });

  it("keeps a difference by its address and the digest that the control plane names", async () => {
    const [a, b, c] = ["a", "b", "c"].map((letter) => `sha256:${letter.repeat(64)}`) as [string, string, string];
    const path = deltaPath(a, b, [c, a]);
    origin.refuse = answerOf(
      202,
      { "retry-after": "3", "content-type": "application/json" },
      Buffer.from('{"status":1}'),
    );
    const { get, cache } = open();
    const pending = await get(path);
    expect(pending).toMatchObject({ status: 202, headers: { "retry-after": "3", "cache-control": "no-store" } });
    expect((await read(pending)).toString()).toBe('{"status":1}');
    await cache.ended();
    origin.refuse = undefined;
    origin.add(contentOf(10), path);
    for (const _ of [1, 2]) {
      expect(await read(await get(path))).toEqual(contentOf(10));
      await cache.ended();
    }
    expect(origin.asked).toEqual([path, path]);
  });

  it("has nothing but content that can be checked", async () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const { get, cache } = open();
    for (const target of [
      "/",
      "/api/v1/trust/roots",
      "/api/v1/chunks/../../state.db",
      `/api/v1/chunks/${digest}?x=1`,
      `/api/v1/chunks/${digest}/..`,
      `/api/v1/chunks/${digest.toUpperCase()}`,
      `/api/v1/bundles/${digest}/files/${digest}/delta`,
      `/api/v1/bundles/${digest}/files/${digest}/delta?base=${digest}&other=1`,
      `/api/v1/bundles/${digest}/files/${digest}/delta?base=x`,
      `/api/v1/bundles/${digest}/manifest${"x".repeat(5_000)}`,
    ])
      expect((await get(target)).status, target).toBe(404);
    expect((await cache.answer({ method: "POST", target: `/api/v1/chunks/${digest}`, headers: {} })).status).toBe(405);
    expect(origin.asked).toEqual([]);
  });

  it("says that it has enough to do rather than fetch more than so much at once", async () => {
    origin.pace = () =>
      new Promise((_, reject) => ending.signal.addEventListener("abort", () => reject(new Error("ended"))));
    const paths = Array.from({ length: 33 }, (_, seed) => origin.add(contentOf(seed, 100 + seed)));
    const { get, cache } = open();
    const answers = await Promise.all(paths.map((path) => get(path)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(32);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(1);
    ending.abort();
    for (const { close } of answers) await close();
    await cache.ended();
  });
});
