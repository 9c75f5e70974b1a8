import type { DatabaseSync } from "node:sqlite";

/**
 * Runs synchronous work in one transaction: all of it is durable when this returns, or none of it happened.
 * Inside another transaction it becomes part of that one.
 */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  if (database.isTransaction) return work();
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
