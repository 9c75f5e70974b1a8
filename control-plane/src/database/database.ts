import { Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { Kysely, sql, type Transaction } from "kysely";
import { Migrator } from "kysely/migration";
import { BatchWriter, type BatchWriterOptions } from "./batch-writer.js";
import { openDialect, type SqlDialect } from "./dialect.js";
import { MIGRATIONS } from "./migrations/list.js";

/**
 * The database: opened, migrated, typed by whoever asks. Each repository names the tables it reads and writes with
 * `database.tables<MyTables>()`.
 */
export class Database {
  readonly dialect: SqlDialect;
  /** Where it is, without credentials. */
  readonly description: string;
  readonly #kysely: Kysely<unknown>;
  readonly #writers = new Set<BatchWriter<never, unknown>>();
  readonly #logger = new Logger(Database.name);

  private constructor(kysely: Kysely<unknown>, dialect: SqlDialect, description: string) {
    this.#kysely = kysely;
    this.dialect = dialect;
    this.description = description;
  }

  /**
   * Opens the database and brings its schema up to date.
   *
   * @param url `sqlite:<path>` or `postgres://...`
   * @throws SartorError SRT_CONFIG_INVALID when it cannot be opened, SRT_STATE_UNUSABLE when a migration fails
   */
  static async open(url: string): Promise<Database> {
    const { name, dialect, description } = await openDialect(url);
    const kysely = new Kysely<unknown>({ dialect });
    const migrator = new Migrator({
      db: kysely,
      provider: {
        getMigrations: async () =>
          Object.fromEntries(MIGRATIONS.map((migration) => [migration.name, { up: (db) => migration.up(db, name) }])),
      },
    });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) {
      await kysely.destroy();
      throw new SartorError(
        "SRT_STATE_UNUSABLE",
        `The schema of ${description} could not be brought up to date: ${error instanceof Error ? error.message : String(error)}.`,
        { cause: error },
      );
    }
    return new Database(kysely, name, description);
  }

  /** The query builder, typed with the tables that the caller names. */
  tables<T>(): Kysely<T> {
    return this.#kysely as Kysely<T>;
  }

  /** Runs `work` in one transaction; it commits when the promise resolves and rolls back when it rejects. */
  transaction<T, R>(work: (transaction: Transaction<T>) => Promise<R>): Promise<R> {
    return this.tables<T>()
      .transaction()
      .execute((transaction) => work(transaction));
  }

  /**
   * Makes a write-behind batcher whose batches are committed in one transaction each. It is flushed before the
   * database closes.
   *
   * @param write writes one batch within the transaction; may give a result an item, in their order
   */
  batchWriter<T, Item, Result = void>(
    options: BatchWriterOptions,
    write: (transaction: Transaction<T>, items: readonly Item[]) => Promise<readonly Result[] | undefined>,
  ): BatchWriter<Item, Result> {
    const writer = new BatchWriter<Item, Result>(options, (items) =>
      this.transaction<T, readonly Result[] | undefined>((transaction) => write(transaction, items)),
    );
    this.#writers.add(writer as unknown as BatchWriter<never, unknown>);
    return writer;
  }

  /** Throws unless the database answers. */
  async ping(): Promise<void> {
    await sql`select 1`.execute(this.#kysely);
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    const results = await Promise.allSettled([...this.#writers].map((writer) => writer.flush()));
    for (const result of results) {
      if (result.status === "rejected") this.#logger.error(`A batch could not be written: ${result.reason}`);
    }
  }

  /** Writes what waits, then closes. */
  async close(): Promise<void> {
    await this.flush();
    await this.#kysely.destroy();
  }
}
