import type { Kysely } from "kysely";
import type { SqlDialect } from "./dialect.js";

/**
 * One step of the schema. Migrations run once each, in the order of their names, each in a transaction (all of a
 * start's in one on PostgreSQL). Once released, a migration never changes: add another.
 *
 * Dialect-neutral types: `text`, `integer`, `bigint` (times in ms, counts), `double precision`; JSON and booleans are
 * kept as `text` and `integer`.
 */
export interface SchemaMigration {
  /** `NNNN-what`, rising. */
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a migration works on whatever the schema was at its time
  up(db: Kysely<any>, dialect: SqlDialect): Promise<void>;
}
