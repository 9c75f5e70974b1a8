import { Injectable } from "@nestjs/common";
import { Database } from "../database/index.js";
import type { StoredBlob } from "../storage/index.js";
import type { BlobTables } from "./models.tables.js";

/** Blobs and references in the database. */
@Injectable()
export class BlobCatalogRepository {
  constructor(private readonly database: Database) {}

  async record(blob: StoredBlob, now: number): Promise<void> {
    await this.database
      .tables<BlobTables>()
      .insertInto("stored_blob")
      .values({ digest: blob.digest, bytes: blob.bytes, stored_at: now })
      .onConflict((conflict) => conflict.column("digest").doUpdateSet({ stored_at: now }))
      .execute();
  }

  /** Keeps a blob from being collected for another while; its size, or undefined where it is not known. */
  async touch(digest: string, now: number): Promise<number | undefined> {
    const row = await this.database
      .tables<BlobTables>()
      .updateTable("stored_blob")
      .set({ stored_at: now })
      .where("digest", "=", digest)
      .returning("bytes")
      .executeTakeFirst();
    return row?.bytes;
  }

  async has(digest: string): Promise<boolean> {
    const row = await this.database
      .tables<BlobTables>()
      .selectFrom("stored_blob")
      .select("digest")
      .where("digest", "=", digest)
      .executeTakeFirst();
    return row !== undefined;
  }

  async findCollectable(storedBefore: number, limit: number): Promise<string[]> {
    const rows = await this.database
      .tables<BlobTables>()
      .selectFrom("stored_blob")
      .select("digest")
      .where("stored_at", "<", storedBefore)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("blob_reference").select("owner").whereRef("blob_reference.digest", "=", "stored_blob.digest"),
          ),
        ),
      )
      .limit(limit)
      .execute();
    return rows.map((row) => row.digest);
  }

  /** Forgets a blob unless it was stored again or is referenced by now; tells whether it was forgotten. */
  async forget(digest: string, storedBefore: number): Promise<boolean> {
    const result = await this.database
      .tables<BlobTables>()
      .deleteFrom("stored_blob")
      .where("digest", "=", digest)
      .where("stored_at", "<", storedBefore)
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom("blob_reference").select("owner").where("blob_reference.digest", "=", digest))),
      )
      .executeTakeFirst();
    return result.numDeletedRows > 0n;
  }
}
