import { createHash } from "node:crypto";
import { Injectable } from "@nestjs/common";
import type { AuditLink } from "@sartor/shared/domain/audit";
import { auditHashInput, auditText } from "@sartor/shared/domain/audit";
import type { AuditEntry, AuditHead } from "@sartor/shared/protocol";
import { type BatchWriter, Database } from "../database/index.js";
import type { AuditEntryTable, AuditTables } from "./audit.tables.js";

/** Entries that are written in one transaction at most. */
const BATCH_SIZE = 200;

/** What happened; its place in the log is given when it is written. */
export type AuditFact = Omit<AuditEntry, "sequence">;

/** SHA-256 of a text's UTF-8, hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** The log in the database. */
@Injectable()
export class AuditRepository {
  readonly #writer: BatchWriter<AuditFact, number>;

  constructor(private readonly database: Database) {
    // Batches follow each other, and a batch keeps its order: the chain grows in the order in which entries came.
    this.#writer = database.batchWriter<AuditTables, AuditFact, number>(
      { maximumItems: BATCH_SIZE, maximumWaitMs: 0 },
      async (transaction, facts) => {
        // Written before it is read: a second control plane on this database waits here.
        await transaction
          .updateTable("audit_head")
          .set((eb) => ({ sequence: eb.ref("sequence") }))
          .where("id", "=", 1)
          .execute();
        let head = await transaction
          .selectFrom("audit_head")
          .select(["sequence", "hash"])
          .where("id", "=", 1)
          .executeTakeFirstOrThrow();
        const rows: AuditEntryTable[] = [];
        for (const fact of facts) {
          const sequence = Number(head.sequence) + 1;
          const text = auditText({ sequence, ...fact });
          const hash = sha256(auditHashInput(head.hash, text));
          rows.push({ sequence, text, previous_hash: head.hash, hash });
          head = { sequence, hash };
        }
        await transaction.insertInto("audit_entry").values(rows).execute();
        await transaction.updateTable("audit_head").set(head).where("id", "=", 1).execute();
        return rows.map(({ sequence }) => sequence);
      },
    );
  }

  /** Appends an entry; gives its number once it is committed. */
  append(fact: AuditFact): Promise<number> {
    return this.#writer.add(fact);
  }

  async head(): Promise<AuditHead> {
    const row = await this.database
      .tables<AuditTables>()
      .selectFrom("audit_head")
      .select(["sequence", "hash"])
      .where("id", "=", 1)
      .executeTakeFirst();
    // Removed by somebody: then nothing is what it says it is.
    return row === undefined ? { sequence: 0, hash: "" } : { sequence: Number(row.sequence), hash: row.hash };
  }

  /** Entries behind one, the oldest first. */
  async after(sequence: number, limit: number): Promise<AuditLink[]> {
    const rows = await this.#select().where("sequence", ">", sequence).orderBy("sequence").limit(limit).execute();
    return rows.map(linkOf);
  }

  /** Entries before one, the newest first. */
  async before(sequence: number, limit: number): Promise<AuditLink[]> {
    const rows = await this.#select()
      .where("sequence", "<", sequence)
      .orderBy("sequence", "desc")
      .limit(limit)
      .execute();
    return rows.map(linkOf);
  }

  /** Removes entries up to one. */
  async removeUntil(sequence: number): Promise<void> {
    await this.database.tables<AuditTables>().deleteFrom("audit_entry").where("sequence", "<=", sequence).execute();
  }

  #select() {
    return this.database.tables<AuditTables>().selectFrom("audit_entry").selectAll();
  }
}

function linkOf({ sequence, text, previous_hash, hash }: AuditEntryTable): AuditLink {
  return { sequence: Number(sequence), text, previousHash: previous_hash, hash };
}
