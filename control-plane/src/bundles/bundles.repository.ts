import { Injectable } from "@nestjs/common";
import type { BundleFile, Digest } from "@sartor/shared/protocol";
import { type Kysely, sql } from "kysely";
import { Database } from "../database/index.js";
import { referBlobs } from "../models/index.js";
import type { BundleTable, BundleTables } from "./bundles.tables.js";

/** A bundle in short. */
export interface BundleRecord {
  readonly bundleId: Digest;
  readonly variantId: string;
  readonly model: string;
  readonly version: string;
  readonly manifestBytes: number;
  /** Bytes of all files together. */
  readonly totalBytes: number;
}

/** A file of a bundle in short. */
export type BundleFileRecord = Pick<BundleFile, "name" | "digest" | "bytes">;

const OWNER = "bundle:";
/** Keys in one statement; SQLite takes some ten thousand. */
const KEYS_AT_ONCE = 500;

/** Within a transaction: removes the bundles of a variant and lets go of their content. */
export async function dropBundlesOf<T extends BundleTables>(transaction: Kysely<T>, variantId: string): Promise<void> {
  const db = transaction as unknown as Kysely<BundleTables>;
  const dropped = await db.deleteFrom("bundle").where("variant_id", "=", variantId).returning("bundle_id").execute();
  for (const { bundle_id } of dropped) {
    await db.deleteFrom("blob_reference").where("owner", "=", `${OWNER}${bundle_id}`).execute();
  }
}

/** Bundles in the database. */
@Injectable()
export class BundlesRepository {
  constructor(private readonly database: Database) {}

  /** Adds a bundle and refers to its content; one that is there already stays as it is. */
  insert(
    bundle: BundleRecord,
    digests: Iterable<Digest>,
    now: number,
    files: readonly BundleFileRecord[] = [],
  ): Promise<void> {
    return this.database.transaction<BundleTables, void>(async (db) => {
      await db
        .insertInto("bundle")
        .values({
          bundle_id: bundle.bundleId,
          variant_id: bundle.variantId,
          model: bundle.model,
          version: bundle.version,
          manifest_bytes: bundle.manifestBytes,
          total_bytes: bundle.totalBytes,
          created_at: now,
        })
        .onConflict((conflict) => conflict.column("bundle_id").doNothing())
        .execute();
      await referBlobs(db, `${OWNER}${bundle.bundleId}`, digests);
      await insertFiles(db, bundle.bundleId, files);
    });
  }

  /** Adds the files of a bundle that is there without them; of one that is gone, none. */
  addFiles(bundleId: Digest, files: readonly BundleFileRecord[]): Promise<void> {
    return this.database.transaction<BundleTables, void>(async (db) => {
      const bundle = await db.selectFrom("bundle").select("bundle_id").where("bundle_id", "=", bundleId).execute();
      if (bundle.length > 0) await insertFiles(db, bundleId, files);
    });
  }

  /** Bundles whose files are not known: those of a release that did not keep them. */
  async withoutFiles(): Promise<Digest[]> {
    const rows = await this.database
      .tables<BundleTables>()
      .selectFrom("bundle")
      .select("bundle_id")
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(selectFrom("bundle_file").select("name").whereRef("bundle_file.bundle_id", "=", "bundle.bundle_id")),
        ),
      )
      .execute();
    return rows.map((row) => row.bundle_id);
  }

  /** The files of some bundles, by the bundles' ids; a bundle that is none has none. */
  async filesOf(bundleIds: readonly Digest[]): Promise<Map<Digest, BundleFileRecord[]>> {
    const files = new Map<Digest, BundleFileRecord[]>();
    for (let start = 0; start < bundleIds.length; start += KEYS_AT_ONCE) {
      const rows = await this.database
        .tables<BundleTables>()
        .selectFrom("bundle_file")
        .selectAll()
        .where("bundle_id", "in", bundleIds.slice(start, start + KEYS_AT_ONCE))
        .orderBy("name")
        .execute();
      for (const { bundle_id, name, digest, bytes } of rows) {
        files.set(bundle_id, [...(files.get(bundle_id) ?? []), { name, digest, bytes }]);
      }
    }
    return files;
  }

  /** Of some files, those that a bundle has: a bundle of each, by the file's digest. */
  async bundlesWith(digests: readonly Digest[]): Promise<Map<Digest, Digest>> {
    if (digests.length === 0) return new Map();
    const rows = await this.database
      .tables<BundleTables>()
      .selectFrom("bundle_file")
      .select(({ fn }) => ["digest", fn.min("bundle_id").as("bundle_id")])
      .where("digest", "in", digests)
      .groupBy("digest")
      .execute();
    return new Map(rows.map((row) => [row.digest, row.bundle_id]));
  }

  /** As {@link dropBundlesOf}, by itself. */
  dropOfVariant(variantId: string): Promise<void> {
    return this.database.transaction<BundleTables, void>((db) => dropBundlesOf(db, variantId));
  }

  /** Lets go of the content of bundles that are no more (the process ended while their version was registered). */
  async dropOrphanReferences(): Promise<void> {
    await this.database
      .tables<BundleTables>()
      .deleteFrom("blob_reference")
      .where("owner", "like", `${OWNER}%`)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("bundle")
              .select("bundle_id")
              .where(sql<boolean>`blob_reference.owner = ${OWNER} || bundle.bundle_id`),
          ),
        ),
      )
      .execute();
  }

  async find(bundleId: Digest): Promise<BundleRecord | undefined> {
    const row = await this.database
      .tables<BundleTables>()
      .selectFrom("bundle")
      .selectAll()
      .where("bundle_id", "=", bundleId)
      .executeTakeFirst();
    return row === undefined ? undefined : toRecord(row);
  }

  async ofVersion(model: string, version: string): Promise<BundleRecord[]> {
    const rows = await this.database
      .tables<BundleTables>()
      .selectFrom("bundle")
      .selectAll()
      .where("model", "=", model)
      .where("version", "=", version)
      .orderBy("variant_id")
      .execute();
    return rows.map(toRecord);
  }

  async ofVariant(variantId: string): Promise<BundleRecord | undefined> {
    const row = await this.database
      .tables<BundleTables>()
      .selectFrom("bundle")
      .selectAll()
      .where("variant_id", "=", variantId)
      .executeTakeFirst();
    return row === undefined ? undefined : toRecord(row);
  }

  /** Bundles of some variants, by the variants' ids. */
  async ofVariants(variantIds: readonly string[]): Promise<Map<string, BundleRecord>> {
    if (variantIds.length === 0) return new Map();
    const rows = await this.database
      .tables<BundleTables>()
      .selectFrom("bundle")
      .selectAll()
      .where("variant_id", "in", variantIds)
      .execute();
    return new Map(rows.map((row) => [row.variant_id, toRecord(row)]));
  }

  /** Tells whether content belongs to a bundle: devices may read nothing else. */
  async isBundled(digest: Digest): Promise<boolean> {
    const row = await this.database
      .tables<BundleTables>()
      .selectFrom("blob_reference")
      .select("owner")
      .where("digest", "=", digest)
      .where("owner", "like", `${OWNER}%`)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }
}

async function insertFiles(
  db: Kysely<BundleTables>,
  bundleId: Digest,
  files: readonly BundleFileRecord[],
): Promise<void> {
  if (files.length === 0) return;
  await db
    .insertInto("bundle_file")
    .values(files.map(({ name, digest, bytes }) => ({ bundle_id: bundleId, name, digest, bytes })))
    .onConflict((conflict) => conflict.columns(["bundle_id", "name"]).doNothing())
    .execute();
}

function toRecord(row: BundleTable): BundleRecord {
  return {
    bundleId: row.bundle_id,
    variantId: row.variant_id,
    model: row.model,
    version: row.version,
    manifestBytes: row.manifest_bytes,
    totalBytes: row.total_bytes,
  };
}
