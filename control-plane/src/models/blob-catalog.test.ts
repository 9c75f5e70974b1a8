import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Logger } from "@nestjs/common";
import type { Digest } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../config/index.js";
import { Database } from "../database/index.js";
import { FolderBlobStore } from "../storage/index.js";
import { BlobCatalogRepository } from "./blob-catalog.repository.js";
import { BlobCatalog, UNREFERENCED_LIFETIME_MS } from "./blob-catalog.service.js";
import { referBlobs } from "./models.repository.js";
import type { BlobTables } from "./models.tables.js";

Logger.overrideLogger(false);

class SetClock extends Clock {
  at = 0;
  override now(): number {
    return this.at;
  }
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

describe("content that is put again while its older self is collected", () => {
  const clock = new SetClock();
  let folder: string;
  let database: Database;
  let store: FolderBlobStore;
  let catalog: BlobCatalog;
  const put = (text: string) => catalog.put(once(text), { maximumBytes: 100 });
  const refer = (digests: readonly Digest[]) =>
    database.transaction<BlobTables, void>((db) => referBlobs(db, "variant:x", digests));

  beforeEach(async () => {
    clock.at = 1;
    folder = await mkdtemp(join(tmpdir(), "sartor-catalog-"));
    database = await Database.open("sqlite::memory:");
    store = await FolderBlobStore.open(folder);
    catalog = new BlobCatalog(store, new BlobCatalogRepository(database), clock);
  });
  afterEach(async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("is there whenever its put has ended, and can be referred to", async () => {
    for (let round = 0; round < 20; round++) {
      const texts = Array.from({ length: 10 }, (_, index) => `content ${index}`);
      await Promise.all(texts.map(put));
      clock.at += UNREFERENCED_LIFETIME_MS + 1;
      const [again] = await Promise.all([Promise.all(texts.map(put)), catalog.collect(), catalog.collect()]);
      for (const { digest, bytes } of again) {
        expect(await store.size(digest)).toBe(bytes);
        expect(await catalog.hold(digest)).toBe(bytes);
      }
      await refer(again.map(({ digest }) => digest));
      clock.at += UNREFERENCED_LIFETIME_MS + 1;
      expect(await catalog.collect()).toBe(0);
      await database.tables<BlobTables>().deleteFrom("blob_reference").execute();
    }
  });

  it("is not removed between the moment when it is whole and the moment when it appears", async () => {
    const { digest } = await put("seldom");
    clock.at += UNREFERENCED_LIFETIME_MS + 1;
    // A collection that begins just when the same content is whole again.
    const original = store.put.bind(store);
    store.put = (content, options) =>
      original(content, {
        ...options,
        beforeVisible: async (blob) => {
          await options.beforeVisible?.(blob);
          await catalog.collect();
        },
      });
    await put("seldom");
    expect(await catalog.hold(digest)).toBe(6);
  });

  it("is all removed, however much there is, and one that cannot be removed keeps no other", async () => {
    const { digest: stuck } = await put("stuck");
    for (let index = 0; index < 30; index++) await put(`free ${index}`);
    clock.at += UNREFERENCED_LIFETIME_MS + 1;
    const original = store.delete.bind(store);
    store.delete = (digest) => (digest === stuck ? Promise.reject(new Error("I/O error")) : original(digest));
    expect(await catalog.collect()).toBe(30);
    expect(await store.size(stuck)).toBe(5);
    // It is tried again.
    store.delete = original;
    clock.at += UNREFERENCED_LIFETIME_MS + 1;
    expect(await catalog.collect()).toBe(1);
    expect(await store.size(stuck)).toBeUndefined();
  });
});
