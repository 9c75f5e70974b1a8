import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "@sartor/shared/protocol";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StoredBlob } from "./blob-store.js";
import { FolderBlobStore } from "./folder-blob-store.js";

const digestOf = (content: Uint8Array): Digest => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const LIMIT = { maximumBytes: 1024 * 1024 };

async function* inPieces(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
}

describe("the blob store", () => {
  let folder: string;
  let store: FolderBlobStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-blobs-"));
    store = await FolderBlobStore.open(folder);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (digest: Digest, range?: { start: number; end: number }) =>
    Buffer.concat(await (await store.open(digest, range)).stream.toArray());

  const all = async () => {
    const blobs: StoredBlob[] = [];
    for await (const blob of store.list()) blobs.push(blob);
    return blobs;
  };

  it("gives back what was put in, whole or any part, under the digest of the content", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 5_000 }),
        fc.integer({ min: 1, max: 700 }),
        fc.nat(),
        fc.nat(),
        async (content, piece, one, other) => {
          const stored = await store.put(inPieces(content, piece), LIMIT);
          expect(stored).toEqual({ digest: digestOf(content), bytes: content.length });
          expect(await read(stored.digest)).toEqual(Buffer.from(content));
          const [start, end] = [one % content.length, other % content.length].sort((a, b) => a - b) as [number, number];
          expect(await read(stored.digest, { start, end })).toEqual(Buffer.from(content.subarray(start, end + 1)));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("keeps nothing of content that is too large, breaks off or is not what was announced", async () => {
    const content = new Uint8Array(1_000).fill(7);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield content;
      throw new Error("the client went away");
    }
    await expect(store.put(inPieces(content, 100), { maximumBytes: 999 })).rejects.toMatchObject({
      code: "SRT_BODY_TOO_LARGE",
    });
    const expectedDigest = digestOf(new Uint8Array(1));
    await expect(store.put(inPieces(content, 100), { ...LIMIT, expectedDigest })).rejects.toMatchObject({
      code: "SRT_DIGEST_MISMATCH",
    });
    await expect(store.put(broken(), LIMIT)).rejects.toThrow("went away");
    expect(await readdir(join(folder, "incoming"))).toEqual([]);
    expect(await readdir(folder)).toEqual(["incoming"]);
  });

  it("clears away what an interrupted upload left", async () => {
    await writeFile(join(folder, "incoming", "half"), "half");
    await FolderBlobStore.open(folder);
    expect(await readdir(join(folder, "incoming"))).toEqual([]);
  });

  it("refuses what is not there and ranges outside of it", async () => {
    const unknown = digestOf(Buffer.from("never stored"));
    expect(await store.size(unknown)).toBeUndefined();
    expect(await store.delete(unknown)).toBe(false);
    await expect(store.open(unknown)).rejects.toMatchObject({ code: "SRT_BLOB_UNKNOWN" });
    const { digest } = await store.put(inPieces(Buffer.from("abc"), 3), LIMIT);
    await expect(store.open(digest, { start: 1, end: 3 })).rejects.toMatchObject({ code: "SRT_RANGE_NOT_SATISFIABLE" });
    await expect(store.open("sha256:../../etc/passwd" as Digest)).rejects.toThrow();
  });

  it("lists and deletes", async () => {
    const blobs = await Promise.all(["a", "bb", "ccc"].map((text) => store.put(inPieces(Buffer.from(text), 9), LIMIT)));
    expect((await all()).map(({ bytes }) => bytes).sort()).toEqual([1, 2, 3]);
    const [first] = blobs;
    expect(first !== undefined && (await store.delete(first.digest))).toBe(true);
    expect(await all()).toHaveLength(2);
  });
});
