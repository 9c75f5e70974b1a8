/**
 * SQLSTATE classes and codes that concern the database and not what was written: connection lost (08), no resources
 * (53), operator intervention (57), system error (58), read-only transaction. Source: PostgreSQL, appendix A.
 */
const POSTGRES = /^(08|53|57|58)[0-9A-Z]{3}$|^25006$/;
/** The same of SQLite, with its extended codes. Source: sqlite.org/rescode.html. */
const SQLITE = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|NOMEM|PROTOCOL)/;
/** Of the operating system: nobody is there, or the line broke. */
const SYSTEM = /^(ECONN[A-Z]+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/** True when the database failed as a whole, so that nothing else can be written now either. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === "string") return POSTGRES.test(code) || SQLITE.test(code) || SYSTEM.test(code);
  // pg has no codes for these.
  return /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect)/.test(
    error.message,
  );
}

/** True when a row was refused because a unique index has one of its kind already. Source: PostgreSQL, appendix A; sqlite.org/rescode.html. */
export function isUniqueViolation(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === "23505" || code === "SQLITE_CONSTRAINT_UNIQUE";
}
