import { existsSync, renameSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SartorError } from "@sartor/shared/errors";

/** One step of the schema; steps run once each, in order, and are never edited after a release. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE outbox (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     kind TEXT NOT NULL,
     retention TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     payload BLOB NOT NULL
   );
   CREATE INDEX outbox_retention ON outbox (retention, id, bytes);
   CREATE TABLE outbox_dropped (kind TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;`,
];

/** What was found on opening. */
export interface OpenedStateDatabase {
  readonly database: DatabaseSync;
  /** Where a damaged predecessor was set aside; undefined when all was well. */
  readonly setAside: string | undefined;
}

/**
 * Opens the agent's database, in WAL mode. A damaged file (and only a damaged one) is set aside under another name and a new one begun: desired state
 * comes again from the control plane, so an empty database is a slow start, not a brick.
 *
 * SQLite is Node's own (`node:sqlite`), because the better-sqlite3 binary needs a newer glibc than JetPack 5 has.
 *
 * @throws SartorError SRT_STATE_UNUSABLE when it can neither be opened nor, being damaged, be begun anew
 */
export function openStateDatabase(path: string, now: () => number = Date.now): OpenedStateDatabase {
  try {
    return { database: openAndMigrate(path), setAside: undefined };
  } catch (cause) {
    const without = isFullDisk(cause) ? openWithoutSharedMemory(path) : undefined;
    if (without !== undefined) return { database: without, setAside: undefined };
    // A full disk or a file that cannot be read says nothing about the content: what is whole must not be thrown away.
    if (!existsSync(path) || !isDamage(cause)) throw unusable(path, cause);
  }
  const setAside = `${path}.damaged-${now()}`;
  try {
    renameSync(path, setAside);
    for (const suffix of ["-wal", "-shm"]) if (existsSync(path + suffix)) renameSync(path + suffix, setAside + suffix);
    return { database: openAndMigrate(path), setAside };
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** SQLite's primary result codes for a file that is not, or no longer, a database (sqlite.org/rescode.html). */
const DAMAGE_CODES: readonly unknown[] = [11, 26];

class FailedCheckError extends Error {}

function isDamage(cause: unknown): boolean {
  const { errcode } = cause as { errcode?: number };
  return cause instanceof FailedCheckError || (errcode !== undefined && DAMAGE_CODES.includes(errcode & 0xff));
}

/** SQLite's primary result codes where a file cannot be made or made longer: IOERR, FULL, CANTOPEN. */
const FULL_DISK_CODES: readonly unknown[] = [10, 13, 14];

function isFullDisk(cause: unknown): boolean {
  const { errcode } = cause as { errcode?: number };
  return errcode !== undefined && FULL_DISK_CODES.includes(errcode & 0xff);
}

/**
 * Opens the database where the disk has no room for the file of shared memory (-shm, 32 KiB) that WAL mode needs: in exclusive mode SQLite keeps that index
 * on the heap (sqlite.org/wal.html, section 8). What is committed can be read, so that the device serves; writes fail until there is room. Until the next
 * start no other process can read the database.
 */
function openWithoutSharedMemory(path: string): DatabaseSync | undefined {
  try {
    return openAndMigrate(path, "PRAGMA locking_mode = EXCLUSIVE;");
  } catch {
    // The first failure says more.
    return undefined;
  }
}

function unusable(path: string, cause: unknown): SartorError {
  return new SartorError(
    "SRT_STATE_UNUSABLE",
    `The agent's database ${path} cannot be used: ${cause instanceof Error ? cause.message : cause}.`,
    {
      cause,
    },
  );
}

function openAndMigrate(path: string, before = ""): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    if (before !== "") database.exec(before);
    // FULL: an acknowledged write survives a power cut; the agent writes seldom enough to afford it.
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000; PRAGMA cache_size = -256;",
    );
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    const check = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (check.quick_check !== "ok") throw new FailedCheckError(`quick_check: ${check.quick_check}`);
    MIGRATIONS.slice(version).forEach((sql, index) => {
      database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + index + 1}; COMMIT;`);
    });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
