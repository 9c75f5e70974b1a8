import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "../database/index.js";
import { BlobCatalog, BlobCatalogRepository } from "../models/index.js";
import { FolderBlobStore } from "../storage/index.js";
import { SetClock } from "./set-clock.js";

/** Rows of any table. */
interface Row {
  [table: string]: Record<string, unknown>;
}

/** What a variant is run by. */
export const CPU_RUNTIME = {
  adapter: "onnxruntime-node" as const,
  executionProviders: ["cpu"],
  intraOpThreads: 1,
  graphOptimizationLevel: "all" as const,
  sessionConfig: {},
  providerOptions: {},
};

/** For tests: one version of a model, `m` 1.0.0 with the id `version`, in a database and a folder of its own; it has no variant yet. */
export class StoredVersion {
  readonly clock = new SetClock(1);
  readonly blobs: BlobCatalog;

  private constructor(
    readonly folder: string,
    readonly database: Database,
    readonly store: FolderBlobStore,
  ) {
    this.blobs = new BlobCatalog(store, new BlobCatalogRepository(database), this.clock);
  }

  static async open(): Promise<StoredVersion> {
    const folder = await mkdtemp(join(tmpdir(), "sartor-version-"));
    const store = await FolderBlobStore.open(join(folder, "blobs"));
    const version = new StoredVersion(folder, await Database.open("sqlite::memory:"), store);
    await version.insert("model_version", {
      model: "m",
      version: "1.0.0",
      version_id: "version",
      created_at: 1,
      manifest: "{}",
      model_digest: "d",
      model_bytes: 1,
      golden_digest: "g",
      info: "{}",
      variants: "[]",
    });
    return version;
  }

  async insert(table: string, row: Record<string, unknown>): Promise<void> {
    await this.database.tables<Row>().insertInto(table).values(row).execute();
  }

  async close(): Promise<void> {
    await this.database.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
