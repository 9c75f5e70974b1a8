import { Injectable } from "@nestjs/common";
import type { ModelInfo } from "@sartor/onnx";
import type { Digest, ModelManifest, ModelVersionView, Page } from "@sartor/shared/protocol";
import type { Kysely } from "kysely";
import { Database } from "../database/index.js";
import type { BlobTables, ModelTables, ModelVersionTable } from "./models.tables.js";

/** What a new version is made of. */
export interface NewModelVersion {
  readonly versionId: string;
  readonly createdAt: number;
  /** As canonical JSON. */
  readonly manifest: string;
  readonly model: { readonly digest: Digest; readonly bytes: number };
  readonly golden: Digest;
  readonly info: ModelInfo;
}

/** A version as later modules need it. */
export interface ModelVersionRecord {
  readonly versionId: string;
  readonly manifest: ModelManifest;
  readonly model: { readonly digest: Digest; readonly bytes: number };
  readonly golden: Digest;
  readonly ready: boolean;
}

/** Adds references to blobs, within the owner's own transaction. */
export async function referBlobs<T extends BlobTables>(
  transaction: Kysely<T>,
  owner: string,
  digests: Iterable<string>,
): Promise<void> {
  const db = transaction as unknown as Kysely<BlobTables>;
  const rows = [...new Set(digests)].map((digest) => ({ digest, owner }));
  // Below SQLite's limit of bound values.
  for (let start = 0; start < rows.length; start += 1_000) {
    await db
      .insertInto("blob_reference")
      .values(rows.slice(start, start + 1_000))
      .onConflict((conflict) => conflict.columns(["digest", "owner"]).doNothing())
      .execute();
  }
}

/** Model versions in the database. */
@Injectable()
export class ModelsRepository {
  constructor(private readonly database: Database) {}

  /** Adds a version that nobody sees yet; false where one of this name is there already. */
  insert(version: NewModelVersion, name: { model: string; version: string }): Promise<boolean> {
    return this.database.transaction<ModelTables, boolean>(async (db) => {
      const result = await db
        .insertInto("model_version")
        .values({
          model: name.model,
          version: name.version,
          version_id: version.versionId,
          created_at: version.createdAt,
          ready_at: null,
          manifest: version.manifest,
          model_digest: version.model.digest,
          model_bytes: version.model.bytes,
          golden_digest: version.golden,
          info: JSON.stringify(version.info),
          variants: "[]",
          macs: null,
        })
        .onConflict((conflict) => conflict.columns(["model", "version"]).doNothing())
        .executeTakeFirst();
      if (result.numInsertedOrUpdatedRows !== 1n) return false;
      await referBlobs(db, ownerOf(version.versionId), [version.model.digest, version.golden]);
      return true;
    });
  }

  async setVariants(versionId: string, variants: ModelVersionView["variants"]): Promise<void> {
    await this.database
      .tables<ModelTables>()
      .updateTable("model_version")
      .set({ variants: JSON.stringify(variants) })
      .where("version_id", "=", versionId)
      .execute();
  }

  async setMacs(versionId: string, macs: number): Promise<void> {
    await this.database
      .tables<ModelTables>()
      .updateTable("model_version")
      .set({ macs })
      .where("version_id", "=", versionId)
      .execute();
  }

  /** Makes a version visible. */
  async publish(versionId: string, now: number): Promise<void> {
    await this.database
      .tables<ModelTables>()
      .updateTable("model_version")
      .set({ ready_at: now })
      .where("version_id", "=", versionId)
      .execute();
  }

  /** Removes a version that did not become visible, and all that hangs on it. */
  remove(versionId: string): Promise<void> {
    return this.database.transaction<ModelTables, void>(async (db) => {
      const removed = await db
        .deleteFrom("model_version")
        .where("version_id", "=", versionId)
        .where("ready_at", "is", null)
        .executeTakeFirst();
      if (removed.numDeletedRows === 0n) return;
      await db.deleteFrom("blob_reference").where("owner", "=", ownerOf(versionId)).execute();
    });
  }

  async findUnready(): Promise<string[]> {
    const rows = await this.database
      .tables<ModelTables>()
      .selectFrom("model_version")
      .select("version_id")
      .where("ready_at", "is", null)
      .execute();
    return rows.map((row) => row.version_id);
  }

  async findRecord(
    by: { versionId: string } | { model: string; version: string },
  ): Promise<ModelVersionRecord | undefined> {
    let query = this.database.tables<ModelTables>().selectFrom("model_version").selectAll();
    query =
      "versionId" in by
        ? query.where("version_id", "=", by.versionId)
        : query.where("model", "=", by.model).where("version", "=", by.version);
    const row = await query.executeTakeFirst();
    return row === undefined ? undefined : toRecord(row);
  }

  /** The version of a model that became visible last. */
  async findNewest(model: string): Promise<ModelVersionRecord | undefined> {
    const row = await this.database
      .tables<ModelTables>()
      .selectFrom("model_version")
      .selectAll()
      .where("model", "=", model)
      .where("ready_at", "is not", null)
      .orderBy("version_id", "desc")
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : toRecord(row);
  }

  async findView(model: string, version: string): Promise<ModelVersionView | undefined> {
    const row = await this.database
      .tables<ModelTables>()
      .selectFrom("model_version")
      .selectAll()
      .where("model", "=", model)
      .where("version", "=", version)
      .where("ready_at", "is not", null)
      .executeTakeFirst();
    return row === undefined ? undefined : toView(row);
  }

  /** All versions, newest first. */
  async list(limit: number, cursor: string | undefined): Promise<Page<ModelVersionView>> {
    let query = this.database
      .tables<ModelTables>()
      .selectFrom("model_version")
      .selectAll()
      .where("ready_at", "is not", null)
      .orderBy("version_id", "desc")
      .limit(limit + 1);
    if (cursor !== undefined) query = query.where("version_id", "<", cursor);
    const rows = await query.execute();
    const page = rows.slice(0, limit);
    return {
      items: page.map(toView),
      nextCursor: rows.length > limit ? (page.at(-1)?.version_id ?? null) : null,
    };
  }
}

function ownerOf(versionId: string): string {
  return `model:${versionId}`;
}

function toRecord(row: ModelVersionTable): ModelVersionRecord {
  return {
    versionId: row.version_id,
    manifest: JSON.parse(row.manifest) as ModelManifest,
    model: { digest: row.model_digest, bytes: row.model_bytes },
    golden: row.golden_digest,
    ready: row.ready_at !== null,
  };
}

function toView(row: ModelVersionTable): ModelVersionView {
  const info = JSON.parse(row.info) as ModelInfo;
  return {
    model: row.model,
    version: row.version,
    createdAt: row.created_at,
    manifest: JSON.parse(row.manifest),
    digest: row.model_digest,
    bytes: row.model_bytes,
    opset: info.opsets["ai.onnx"] ?? 0,
    parameters: info.parameters,
    macs: row.macs,
    variants: JSON.parse(row.variants),
  };
}
