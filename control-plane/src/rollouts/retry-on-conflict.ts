/** PostgreSQL's codes of transactions that it ended for another's sake, and that may simply be run again: `deadlock_detected` and
 * `serialization_failure` (PostgreSQL 15, appendix A). */
const CONFLICTS: readonly unknown[] = ["40P01", "40001"];
const ATTEMPTS = 5;

/**
 * Runs a transaction again when the database ended it because of a conflict with another. SQLite has no such conflicts.
 *
 * @throws what the last attempt threw, and at once whatever is not such a conflict
 */
export async function retryOnConflict<R>(transaction: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction();
    } catch (error) {
      const { code } = (error ?? {}) as { code?: unknown };
      if (attempt === ATTEMPTS || !CONFLICTS.includes(code)) throw error;
    }
  }
}
