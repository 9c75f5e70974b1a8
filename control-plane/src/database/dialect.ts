import type { EventEmitter } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import BetterSqlite3 from "better-sqlite3";
import { type Dialect, SqliteDialect } from "kysely";

/** Which SQL is spoken. */
export type SqlDialect = "sqlite" | "postgres";

export interface OpenedDialect {
  readonly name: SqlDialect;
  readonly dialect: Dialect;
  /** Where the database is, without credentials: for people. */
  readonly description: string;
}

/**
 * Chooses the dialect by the address.
 *
 * @throws SartorError SRT_CONFIG_INVALID when the file cannot be opened or the PostgreSQL driver is not installed
 */
export async function openDialect(url: string): Promise<OpenedDialect> {
  return url.startsWith("sqlite:") ? openSqlite(url.slice("sqlite:".length)) : openPostgres(url);
}

function openSqlite(path: string): OpenedDialect {
  try {
    if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const database = new BetterSqlite3(path);
    database.pragma("journal_mode = WAL");
    // FULL syncs the log at each commit: an acknowledged message must survive a power cut, not only a killed process
    // (NORMAL would lose the last commits then). Commits are batched, so the cost is a sync a batch.
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma("busy_timeout = 5000");
    // 20,000 pages before a checkpoint: fewer of them, 2.5 times the insert rate; the log grows to about 80 MB.
    database.pragma("wal_autocheckpoint = 20000");
    return { name: "sqlite", dialect: new SqliteDialect({ database }), description: `SQLite ${path}` };
  } catch (cause) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      `The SQLite database ${path} cannot be opened: ${(cause as Error).message}.`,
      { details: { setting: "SARTOR_DATABASE_URL" }, cause },
    );
  }
}

/** What is used of the `pg` package, which is installed only where PostgreSQL is. */
export interface PgModule {
  readonly default: {
    readonly Pool: new (options: { connectionString: string; max: number; types: unknown }) => PgPool;
    readonly types: { getTypeParser(oid: number, format?: string): (text: string) => unknown };
  };
}

interface PgPool {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect", listener: (connection: Pick<EventEmitter, "on">) => void): unknown;
}

/** PostgreSQL's type number of int8. */
const INT8 = 20;

async function openPostgres(url: string): Promise<OpenedDialect> {
  const packageName = "pg";
  let pg: PgModule["default"];
  try {
    pg = ((await import(packageName)) as PgModule).default;
  } catch (cause) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      "SARTOR_DATABASE_URL names a PostgreSQL database, but the package pg is not installed: run npm install pg.",
      { details: { setting: "SARTOR_DATABASE_URL" }, cause },
    );
  }
  return openPool(pg, url);
}

/** Opens a pool with the given driver. */
export async function openPool(pg: PgModule["default"], url: string): Promise<OpenedDialect> {
  const { PostgresDialect } = await import("kysely");
  // Times and counts are int8 and stay below 2^53: read them as numbers, as SQLite gives them.
  const types = {
    getTypeParser: (oid: number, format?: string) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format)),
  };
  const pool = new pg.Pool({ connectionString: url, max: 10, types });
  const { host, pathname } = new URL(url);
  // A connection that breaks tells the pool while it is idle, and itself while it is used but between two queries (within a
  // transaction). Without listeners either would end the process. The pool opens another.
  const logger = new Logger("PostgreSQL");
  const onError = (error: Error) => logger.warn(`A connection was lost: ${error.message}`);
  pool.on("error", onError);
  pool.on("connect", (connection) => connection.on("error", onError));
  return {
    name: "postgres",
    dialect: new PostgresDialect({ pool: pool as never }),
    description: `PostgreSQL ${host}${pathname}`,
  };
}
