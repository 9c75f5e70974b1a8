import { createHash } from "node:crypto";
import type { ChunkRef, Digest } from "@sartor/shared/protocol";
import { BundlesRepository, type BundlesService } from "../../bundles/index.js";
import { loadSettings } from "../../config/index.js";
import { Metrics } from "../../http/index.js";
import { type BlobTables, referBlobs } from "../../models/index.js";
import { CPU_RUNTIME, StoredVersion } from "../../testing/stored-version.js";
import type { DeltaJob, DeltaOutcome } from "../delta-job.js";
import { DeltaMaker } from "../delta-maker.service.js";
import { DeltaMaking } from "../delta-making.service.js";
import { DeltaMetrics } from "../delta-metrics.js";
import { type DeltaPair, deltaIdOf } from "../delta-pair.js";
import { DeltaStore } from "../delta-store.service.js";
import { DeltaWorker } from "../delta-worker.service.js";
import { type DeltaRecord, DeltasRepository } from "../deltas.repository.js";
import type { DeltaTables } from "../deltas.tables.js";
import { runDeltaJob } from "../run-delta-job.js";

/** Runs before the worker's work, in its place in time. */
export type BeforeWork = (signal: AbortSignal) => Promise<void>;

/** A worker that is in the middle of its work until it is killed, or told to stop. */
export function hanging(): { before: BeforeWork; reached: Promise<void> } {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const before: BeforeWork = (signal) => {
    resolve();
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  return { before, reached };
}

/** The real work, in this process; a test may have it fail or hang. */
export class HandledWorker extends DeltaWorker {
  jobs = 0;
  mostAtOnce = 0;
  before: BeforeWork = async () => undefined;
  #atOnce = 0;

  override async run(job: DeltaJob, signal: AbortSignal): Promise<DeltaOutcome> {
    this.jobs++;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    try {
      await this.before(signal);
      return await runDeltaJob(job);
    } finally {
      this.#atOnce--;
    }
  }
}

/** Versions of each of two files; two of the same file resemble each other, of two files nothing does. */
export const VERSIONS = 4;
export const FAMILIES = 2;
const FILE_BYTES = 8_000;

function contentOf(family: number, version: number): Uint8Array {
  const drawn = (seed: string, index: number) =>
    createHash("sha256")
      .update(`${seed} ${index >> 5}`)
      .digest()[index & 31] as number;
  return Uint8Array.from({ length: FILE_BYTES }, (_, index) =>
    index < 250 ? drawn(`${family} ${version}`, index) : drawn(`${family}`, index),
  );
}

/** What makes and keeps differences, with a database and a disk of its own: {@link start} is the next process. */
export class DeltaHouse {
  readonly files = new Map<string, { digest: Digest; bytes: number }>();
  repository!: DeltasRepository;
  worker!: HandledWorker;
  making!: DeltaMaking;
  kept!: DeltaStore;
  readonly #bundles: BundlesRepository;

  private constructor(
    readonly version: StoredVersion,
    readonly storeBytes: number,
  ) {
    this.#bundles = new BundlesRepository(version.database);
  }

  static async open(storeBytes: number): Promise<DeltaHouse> {
    const house = new DeltaHouse(await StoredVersion.open(), storeBytes);
    await house.start();
    for (let family = 0; family < FAMILIES; family++) {
      for (let version = 0; version < VERSIONS; version++)
        await house.addFile(`${family}.${version}`, contentOf(family, version));
    }
    return house;
  }

  /** Begins as a process does whose predecessor was killed, or stopped. */
  async start(before?: BeforeWork): Promise<void> {
    const { folder, database, blobs, store, clock } = this.version;
    const settings = loadSettings({
      SARTOR_STATE_DIR: folder,
      SARTOR_DELTA_STORE_BYTES: String(this.storeBytes),
    });
    this.repository = new DeltasRepository(database);
    this.worker = new HandledWorker(settings);
    if (before !== undefined) this.worker.before = before;
    const metrics = new DeltaMetrics(new Metrics());
    const maker = new DeltaMaker(settings, this.#chunks(), store, blobs, this.worker);
    await maker.onModuleInit();
    this.kept = new DeltaStore(settings, this.repository, blobs, clock, metrics);
    this.making = new DeltaMaking(this.repository, maker, this.kept, store, clock, metrics);
    await this.making.onApplicationBootstrap();
  }

  close(): Promise<void> {
    return this.version.close();
  }

  pair(family: number, from: number, to: number): DeltaPair {
    const digestOf = (version: number) => this.files.get(`${family}.${version}`)?.digest ?? "";
    return { target: digestOf(to), bases: [digestOf(from)] };
  }

  ask(pair: DeltaPair, by = "device"): string {
    this.version.clock.at++;
    return this.making.ask(pair, FILE_BYTES, by).kind;
  }

  find(pair: DeltaPair): Promise<DeltaRecord | undefined> {
    return this.repository.find(deltaIdOf(pair));
  }

  async stateOf(pair: DeltaPair): Promise<string | undefined> {
    return (await this.find(pair))?.state;
  }

  /** Removes the bundle of a file, and lets go of its content. */
  async removeFile(name: string): Promise<void> {
    const db = this.version.database.tables<DeltaTables>();
    await db.deleteFrom("bundle").where("bundle_id", "=", idOf(name)).execute();
    await db
      .deleteFrom("blob_reference")
      .where("owner", "=", `bundle:${idOf(name)}`)
      .execute();
    this.files.delete(name);
  }

  /** Something else refers to content, too. */
  keepElsewhere(digest: Digest): Promise<void> {
    return this.version.database.transaction<BlobTables, void>((db) => referBlobs(db, "elsewhere", [digest]));
  }

  async allRows(): Promise<DeltaTables["delta"][]> {
    return this.version.database.tables<DeltaTables>().selectFrom("delta").selectAll().execute();
  }

  private async addFile(name: string, content: Uint8Array): Promise<void> {
    async function* once() {
      yield content;
    }
    const blob = await this.version.blobs.put(once(), { maximumBytes: FILE_BYTES });
    this.files.set(name, blob);
    const variant_id = `variant ${name}`;
    await this.version.insert("model_variant", {
      variant_id,
      version_id: "version",
      name,
      kind: "fp32",
      status: "offered",
      runtime: JSON.stringify(CPU_RUNTIME),
      created_at: 1,
      digest: blob.digest,
      bytes: blob.bytes,
      golden_digest: "g",
    });
    const bundle = { bundleId: idOf(name), variantId: variant_id, model: "m", version: "1.0.0" };
    await this.#bundles.insert({ ...bundle, manifestBytes: 1, totalBytes: 1 }, [blob.digest], 1, [
      { name: "model.onnx", ...blob },
    ]);
  }

  /** The one thing that is read of bundles here: each file is one chunk. */
  #chunks(): BundlesService {
    const chunksOf = async (digests: readonly Digest[]) => {
      const known = await this.#bundles.bundlesWith(digests);
      const files = [...this.files.values()].filter(({ digest }) => known.has(digest));
      return new Map<Digest, readonly ChunkRef[]>(files.map((file) => [file.digest, [file]]));
    };
    return { chunksOf } as unknown as BundlesService;
  }
}

const idOf = (name: string) => `bundle ${name}`;
