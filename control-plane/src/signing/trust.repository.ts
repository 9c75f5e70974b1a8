import { Injectable } from "@nestjs/common";
import type { TrustRepository as RepositoryName } from "@sartor/shared/protocol";
import type { Transaction } from "kysely";
import { Database } from "../database/index.js";
import type { ServedMetadata } from "./online-metadata.js";
import type { SigningTables, TrustRequestTable } from "./signing.tables.js";

/** Metadata to be published. */
export interface Publication extends ServedMetadata {
  readonly repository: RepositoryName;
  readonly role: string;
}

/** A signing request with the signatures that it has. */
export interface SigningRequest {
  readonly requestId: string;
  readonly repository: RepositoryName;
  readonly role: string;
  readonly version: number;
  readonly status: "open" | "published" | "superseded";
  readonly reason: string;
  /** Unsigned metadata, as JSON. */
  readonly text: string;
  readonly createdAt: number;
  readonly signatures: readonly { readonly keyId: string; readonly signature: string }[];
}

/** Versions of a role that are kept, besides roots: a client that reads while a new one comes still finds what it was told of. */
const VERSIONS_KEPT = 20;
/** Most requests that a list shows. */
const LISTED = 100;

/** Metadata, signing requests and release counters in the database. */
@Injectable()
export class TrustRepository {
  constructor(private readonly database: Database) {}

  /** Publishes metadata all at once, and ends the requests that it came from. */
  publish(publications: readonly Publication[], requestIds: readonly string[], now: number): Promise<void> {
    return this.database.transaction<SigningTables, void>(async (db) => {
      for (const { repository, role, version, text } of publications) {
        await db
          .insertInto("trust_metadata")
          .values({ repository, role, version, metadata: text, published_at: now })
          .execute();
        if (role !== "root") await forgetOld(db, repository, role);
      }
      for (const requestId of requestIds) {
        await db
          .updateTable("trust_request")
          .set({ status: "published" })
          .where("request_id", "=", requestId)
          .execute();
      }
    });
  }

  /** One version of a role's metadata. */
  async find(repository: RepositoryName, role: string, version: number): Promise<ServedMetadata | undefined> {
    const row = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_metadata")
      .select(["version", "metadata"])
      .where("repository", "=", repository)
      .where("role", "=", role)
      .where("version", "=", version)
      .executeTakeFirst();
    return row === undefined ? undefined : { version: row.version, text: row.metadata };
  }

  /** The newest metadata of every role. */
  async newest(): Promise<Publication[]> {
    const rows = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_metadata as one")
      .select(["one.repository", "one.role", "one.version", "one.metadata"])
      .where("one.version", "=", ({ selectFrom }) =>
        selectFrom("trust_metadata as other")
          .select(({ fn }) => fn.max("other.version").as("version"))
          .whereRef("other.repository", "=", "one.repository")
          .whereRef("other.role", "=", "one.role"),
      )
      .orderBy("one.repository")
      .orderBy("one.role")
      .execute();
    return rows.map((row) => ({
      repository: row.repository as RepositoryName,
      role: row.role,
      version: row.version,
      text: row.metadata,
    }));
  }

  /** Opens a request; the one that is open for its role is superseded. */
  async open(request: Omit<SigningRequest, "signatures" | "status">): Promise<void> {
    await this.database.transaction<SigningTables, void>(async (db) => {
      await supersede(db, request.repository, request.role);
      await db
        .insertInto("trust_request")
        .values({
          request_id: request.requestId,
          repository: request.repository,
          role: request.role,
          version: request.version,
          status: "open",
          reason: request.reason,
          metadata: request.text,
          created_at: request.createdAt,
        })
        .execute();
    });
  }

  /** Ends the open request of a role without a new one; false where there is none. */
  supersede(repository: RepositoryName, role: string): Promise<boolean> {
    return this.database.transaction<SigningTables, boolean>((db) => supersede(db, repository, role));
  }

  async addSignature(requestId: string, keyId: string, signature: string, now: number): Promise<void> {
    await this.database
      .tables<SigningTables>()
      .insertInto("trust_signature")
      .values({ request_id: requestId, key_id: keyId, signature, created_at: now })
      .onConflict((conflict) => conflict.columns(["request_id", "key_id"]).doUpdateSet({ signature }))
      .execute();
  }

  async request(requestId: string): Promise<SigningRequest | undefined> {
    const row = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_request")
      .selectAll()
      .where("request_id", "=", requestId)
      .executeTakeFirst();
    return row === undefined ? undefined : (await this.withSignatures([row]))[0];
  }

  /** What is open, and what was last; newest first. */
  async requests(openOnly: boolean): Promise<SigningRequest[]> {
    const rows = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_request")
      .selectAll()
      .$if(openOnly, (query) => query.where("status", "=", "open"))
      .orderBy("request_id", "desc")
      .limit(LISTED)
      .execute();
    return this.withSignatures(rows);
  }

  async openRequest(repository: RepositoryName, role: string): Promise<SigningRequest | undefined> {
    const row = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_request")
      .selectAll()
      .where("repository", "=", repository)
      .where("role", "=", role)
      .where("status", "=", "open")
      .executeTakeFirst();
    return row === undefined ? undefined : (await this.withSignatures([row]))[0];
  }

  async countOpen(): Promise<number> {
    const row = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_request")
      .select(({ fn }) => fn.countAll<number | string>().as("count"))
      .where("status", "=", "open")
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** The release counter of a version; gives it the next one of its model where it has none, or always with `again`. */
  release(model: string, version: string, again: boolean, now: number): Promise<number> {
    return this.database.transaction<SigningTables, number>(async (db) => {
      const existing = await db
        .selectFrom("trust_release")
        .select("counter")
        .where("model", "=", model)
        .where("version", "=", version)
        .executeTakeFirst();
      const highest = await db
        .selectFrom("trust_release")
        .select(({ fn }) => fn.max("counter").as("counter"))
        .where("model", "=", model)
        .executeTakeFirst();
      if (existing !== undefined && !again) return existing.counter;
      const counter = (highest?.counter ?? 0) + 1;
      await db
        .insertInto("trust_release")
        .values({ model, version, counter, created_at: now })
        .onConflict((conflict) => conflict.columns(["model", "version"]).doUpdateSet({ counter, created_at: now }))
        .execute();
      return counter;
    });
  }

  /** Versions of a model with their release counters. */
  async releases(model: string): Promise<{ version: string; counter: number }[]> {
    return this.database
      .tables<SigningTables>()
      .selectFrom("trust_release")
      .select(["version", "counter"])
      .where("model", "=", model)
      .orderBy("counter")
      .execute();
  }

  /** Models that were released. */
  async models(): Promise<string[]> {
    const rows = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_release")
      .select("model")
      .distinct()
      .orderBy("model")
      .execute();
    return rows.map(({ model }) => model);
  }

  private async withSignatures(rows: readonly TrustRequestTable[]): Promise<SigningRequest[]> {
    if (rows.length === 0) return [];
    const ids = rows.map((row) => row.request_id);
    const signatures = await this.database
      .tables<SigningTables>()
      .selectFrom("trust_signature")
      .select(["request_id", "key_id", "signature"])
      .where("request_id", "in", ids)
      .orderBy("key_id")
      .execute();
    return rows.map((row) => ({
      requestId: row.request_id,
      repository: row.repository as RepositoryName,
      role: row.role,
      version: row.version,
      status: row.status as SigningRequest["status"],
      reason: row.reason,
      text: row.metadata,
      createdAt: row.created_at,
      signatures: signatures
        .filter((one) => one.request_id === row.request_id)
        .map((one) => ({ keyId: one.key_id, signature: one.signature })),
    }));
  }
}

async function supersede(db: Transaction<SigningTables>, repository: string, role: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("trust_request")
    .set({ status: "superseded" })
    .where("repository", "=", repository)
    .where("role", "=", role)
    .where("status", "=", "open")
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function forgetOld(db: Transaction<SigningTables>, repository: string, role: string): Promise<void> {
  const oldest = await db
    .selectFrom("trust_metadata")
    .select("version")
    .where("repository", "=", repository)
    .where("role", "=", role)
    .orderBy("version", "desc")
    .offset(VERSIONS_KEPT - 1)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return;
  await db
    .deleteFrom("trust_metadata")
    .where("repository", "=", repository)
    .where("role", "=", role)
    .where("version", "<", oldest.version)
    .execute();
}
