import { Injectable } from "@nestjs/common";
import type { Digest } from "@sartor/shared/protocol";
import { type Kysely, sql } from "kysely";
import { Database } from "../database/index.js";
import { referBlobs } from "../models/index.js";
import type { KeptDelta } from "./delta-eviction.js";
import { type DeltaPair, deltaIdOf } from "./delta-pair.js";
import type { DeltaState, DeltaTable, DeltaTables } from "./deltas.tables.js";

/** A difference that is known of. */
export interface DeltaRecord extends DeltaPair {
  readonly deltaId: string;
  readonly state: DeltaState;
  readonly fullBytes: number;
  readonly chunkBytes: number | null;
  /** Of what is ready. */
  readonly content: { readonly digest: Digest; readonly bytes: number } | undefined;
}

/** How the making of a difference ended. */
export type DeltaEnd =
  | { readonly state: "ready"; readonly digest: Digest; readonly bytes: number }
  | { readonly state: "not_worth_it" | "could_not_be_made" };

/** Content that a difference had, and when it was put at the latest, ms since 1970. */
export interface FormerContent {
  readonly digest: Digest;
  readonly putAt: number;
}

const ownerOf = (deltaId: string) => `delta:${deltaId}`;
const ROWS_AT_ONCE = 500;

/** Differences in the database. */
@Injectable()
export class DeltasRepository {
  constructor(private readonly database: Database) {}

  async find(deltaId: string): Promise<DeltaRecord | undefined> {
    const row = await this.#db.selectFrom("delta").selectAll().where("delta_id", "=", deltaId).executeTakeFirst();
    return row === undefined ? undefined : toRecord(row);
  }

  /** What a process that is gone was about to make, the oldest first. */
  async unfinished(): Promise<DeltaRecord[]> {
    const rows = await this.#db
      .selectFrom("delta")
      .selectAll()
      .where("state", "=", "making")
      .orderBy("changed_at")
      .execute();
    return rows.map(toRecord);
  }

  /** Notes that a difference is being made; tells how often that was begun without coming to an end, this time included. */
  begin(pair: DeltaPair, fullBytes: number, now: number): Promise<number> {
    const deltaId = deltaIdOf(pair);
    return this.database.transaction<DeltaTables, number>(async (db) => {
      const begun = { state: "making" as const, digest: null, bytes: null, changed_at: now };
      const { attempts } = await db
        .insertInto("delta")
        .values({
          ...begun,
          delta_id: deltaId,
          target: pair.target,
          bases: pair.bases.join(" "),
          attempts: 1,
          full_bytes: fullBytes,
          chunk_bytes: null,
          used_at: now,
        })
        .onConflict((conflict) =>
          conflict.column("delta_id").doUpdateSet({ ...begun, attempts: sql<number>`delta.attempts + 1` }),
        )
        .returning("attempts")
        .executeTakeFirstOrThrow();
      const files = [...new Set([pair.target, ...pair.bases])].map((digest) => ({ delta_id: deltaId, digest }));
      await db
        .insertInto("delta_file")
        .values(files)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      // Content that was lost.
      await release(db, deltaId);
      return attempts;
    });
  }

  /** Notes that the making of a difference stopped in order: the next attempt is not another one. */
  async interrupt(deltaId: string): Promise<void> {
    await this.#db
      .updateTable("delta")
      .set({ attempts: sql<number>`attempts - 1` })
      .where("delta_id", "=", deltaId)
      .where("state", "=", "making")
      .execute();
  }

  /** Notes how the making of a difference ended; false where it was dropped meanwhile: then nothing refers to its content. */
  end(deltaId: string, end: DeltaEnd, chunkBytes: number | null, now: number): Promise<boolean> {
    const content = end.state === "ready" ? { digest: end.digest, bytes: end.bytes } : { digest: null, bytes: null };
    return this.database.transaction<DeltaTables, boolean>(async (db) => {
      const { numUpdatedRows } = await db
        .updateTable("delta")
        .set({ ...content, state: end.state, attempts: 0, chunk_bytes: chunkBytes, changed_at: now, used_at: now })
        .where("delta_id", "=", deltaId)
        .where("state", "=", "making")
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return false;
      if (end.state === "ready") await referBlobs(db, ownerOf(deltaId), [end.digest]);
      return true;
    });
  }

  /** Forgets a difference; gives the content that it had. */
  drop(deltaId: string): Promise<FormerContent | undefined> {
    return this.database.transaction<DeltaTables, FormerContent | undefined>(async (db) => {
      const row = await db
        .deleteFrom("delta")
        .where("delta_id", "=", deltaId)
        .returning(["digest", "changed_at"])
        .executeTakeFirst();
      await release(db, deltaId);
      return row?.digest == null ? undefined : { digest: row.digest, putAt: row.changed_at };
    });
  }

  /** Notes when differences were used last. */
  async touch(used: ReadonlyMap<string, number>): Promise<void> {
    if (used.size === 0) return;
    await this.database.transaction<DeltaTables, void>(async (db) => {
      for (const [deltaId, usedAt] of used) {
        await db.updateTable("delta").set({ used_at: usedAt }).where("delta_id", "=", deltaId).execute();
      }
    });
  }

  /** How many differences are known of, and the bytes of all their content. */
  async total(): Promise<{ count: number; bytes: number }> {
    const row = await this.#db
      .selectFrom("delta")
      .select(({ fn }) => [fn.countAll<number>().as("count"), fn.sum<number | null>("bytes").as("bytes")])
      .executeTakeFirstOrThrow();
    return { count: Number(row.count), bytes: Number(row.bytes ?? 0) };
  }

  /** All that are not being made. */
  async kept(): Promise<KeptDelta[]> {
    const rows = await this.#db
      .selectFrom("delta")
      .select(["delta_id", "bytes", "used_at"])
      .where("state", "!=", "making")
      .execute();
    return rows.map(({ delta_id, bytes, used_at }) => ({ deltaId: delta_id, bytes: bytes ?? 0, usedAt: used_at }));
  }

  /** Some of those that are between files of which no bundle has one any more, or that could not be made and may be tried again. */
  async outdated(failedBefore: number): Promise<string[]> {
    const rows = await this.#db
      .selectFrom("delta")
      .select("delta_id")
      .where(({ or, and, eb, exists, selectFrom }) =>
        or([
          and([eb("state", "=", "could_not_be_made"), eb("changed_at", "<", failedBefore)]),
          exists(
            selectFrom("delta_file")
              .leftJoin("bundle_file", "bundle_file.digest", "delta_file.digest")
              .select("delta_file.digest")
              .whereRef("delta_file.delta_id", "=", "delta.delta_id")
              .where("bundle_file.digest", "is", null),
          ),
        ]),
      )
      .limit(ROWS_AT_ONCE)
      .execute();
    return rows.map((row) => row.delta_id);
  }

  get #db() {
    return this.database.tables<DeltaTables>();
  }
}

/** Within a transaction: lets go of the content of a difference. */
async function release(db: Kysely<DeltaTables>, deltaId: string): Promise<void> {
  await db.deleteFrom("blob_reference").where("owner", "=", ownerOf(deltaId)).execute();
}

function toRecord(row: DeltaTable): DeltaRecord {
  const { digest, bytes } = row;
  return {
    deltaId: row.delta_id,
    target: row.target,
    bases: row.bases.split(" "),
    state: row.state,
    fullBytes: row.full_bytes,
    chunkBytes: row.chunk_bytes,
    content: digest === null || bytes === null ? undefined : { digest, bytes },
  };
}
