import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DatasetPurpose, DatasetView, Page } from "@sartor/shared/protocol";
import type { Kysely } from "kysely";
import { Database } from "../database/index.js";
import { referBlobs } from "./models.repository.js";
import type { DatasetTable, DatasetTables } from "./models.tables.js";

/**
 * Keeps datasets from being deleted, within the owner's own transaction.
 *
 * @throws SartorError SRT_DATASET_UNKNOWN where one was deleted meanwhile
 */
export async function claimDatasets<T extends DatasetTables>(
  transaction: Kysely<T>,
  owner: string,
  datasetIds: Iterable<string>,
): Promise<void> {
  const db = transaction as unknown as Kysely<DatasetTables>;
  for (const datasetId of new Set(datasetIds)) {
    const row = await db.selectFrom("dataset").select("name").where("dataset_id", "=", datasetId).executeTakeFirst();
    if (row === undefined) throw new SartorError("SRT_DATASET_UNKNOWN", `There is no dataset ${datasetId} any more.`);
    await db.insertInto("dataset_claim").values({ dataset_id: datasetId, owner }).execute();
  }
}

/** Ends what an owner claimed. */
export async function releaseDatasets<T extends DatasetTables>(transaction: Kysely<T>, owner: string): Promise<void> {
  const db = transaction as unknown as Kysely<DatasetTables>;
  await db.deleteFrom("dataset_claim").where("owner", "=", owner).execute();
}

/** Datasets in the database. */
@Injectable()
export class DatasetsRepository {
  constructor(private readonly database: Database) {}

  /** Adds a dataset and refers to its content; false where the model has one of this name. */
  insert(dataset: DatasetView): Promise<boolean> {
    return this.database.transaction<DatasetTables, boolean>(async (db) => {
      const result = await db
        .insertInto("dataset")
        .values({
          dataset_id: dataset.datasetId,
          model: dataset.model,
          name: dataset.name,
          purpose: dataset.purpose,
          description: dataset.description,
          content: dataset.content,
          bytes: dataset.bytes,
          samples: dataset.samples,
          class_counts: dataset.classCounts === null ? null : JSON.stringify(dataset.classCounts),
          created_at: dataset.createdAt,
        })
        .onConflict((conflict) => conflict.columns(["model", "name"]).doNothing())
        .executeTakeFirst();
      if (result.numInsertedOrUpdatedRows !== 1n) return false;
      await referBlobs(db, ownerOf(dataset.datasetId), [dataset.content]);
      return true;
    });
  }

  /** Removes a dataset that nobody claims; its content is collected in time. */
  remove(datasetId: string): Promise<boolean> {
    return this.database.transaction<DatasetTables, boolean>(async (db) => {
      const removed = await db
        .deleteFrom("dataset")
        .where("dataset_id", "=", datasetId)
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom("dataset_claim").select("owner").where("dataset_id", "=", datasetId))),
        )
        .executeTakeFirst();
      if (removed.numDeletedRows === 0n) return false;
      await db.deleteFrom("blob_reference").where("owner", "=", ownerOf(datasetId)).execute();
      return true;
    });
  }

  async find(
    model: string,
    by: { datasetId: string } | { name: string } | { content: string },
  ): Promise<DatasetView | undefined> {
    let query = this.database.tables<DatasetTables>().selectFrom("dataset").selectAll().where("model", "=", model);
    if ("datasetId" in by) query = query.where("dataset_id", "=", by.datasetId);
    else if ("name" in by) query = query.where("name", "=", by.name);
    else query = query.where("content", "=", by.content);
    const row = await query.orderBy("dataset_id").limit(1).executeTakeFirst();
    return row === undefined ? undefined : toView(row);
  }

  async findNewest(model: string, purpose: DatasetPurpose): Promise<DatasetView | undefined> {
    const row = await this.database
      .tables<DatasetTables>()
      .selectFrom("dataset")
      .selectAll()
      .where("model", "=", model)
      .where("purpose", "=", purpose)
      .orderBy("dataset_id", "desc")
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : toView(row);
  }

  /** A model's datasets, newest first. */
  async list(model: string, limit: number, cursor: string | undefined): Promise<Page<DatasetView>> {
    let query = this.database
      .tables<DatasetTables>()
      .selectFrom("dataset")
      .selectAll()
      .where("model", "=", model)
      .orderBy("dataset_id", "desc")
      .limit(limit + 1);
    if (cursor !== undefined) query = query.where("dataset_id", "<", cursor);
    const rows = await query.execute();
    const page = rows.slice(0, limit);
    return { items: page.map(toView), nextCursor: rows.length > limit ? (page.at(-1)?.dataset_id ?? null) : null };
  }
}

function ownerOf(datasetId: string): string {
  return `dataset:${datasetId}`;
}

function toView(row: DatasetTable): DatasetView {
  return {
    datasetId: row.dataset_id,
    model: row.model,
    name: row.name,
    purpose: row.purpose as DatasetPurpose,
    description: row.description,
    content: row.content,
    bytes: row.bytes,
    samples: row.samples,
    classCounts: row.class_counts === null ? null : JSON.parse(row.class_counts),
    createdAt: row.created_at,
  };
}
