import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Transaction,
} from "kysely";
import type { RolloutTables } from "./rollouts.tables.js";

/**
 * For tests: a PostgreSQL that answers each select of a whole table with given rows, notes what it is told, and refuses so many updates with a
 * deadlock.
 */
export class ToldDatabase extends DummyDriver {
  readonly dialect = "postgres";
  readonly told: { sql: string; values: readonly unknown[] }[] = [];
  readonly #kysely: Kysely<RolloutTables>;

  constructor(
    private readonly rows: { readonly [Table in keyof RolloutTables]?: readonly RolloutTables[Table][] },
    private refusals = 0,
  ) {
    super();
    this.#kysely = new Kysely<RolloutTables>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => this,
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    });
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const executeQuery = async ({ sql, parameters }: CompiledQuery) => {
      this.told.push({ sql, values: parameters });
      if (sql.startsWith("update") && this.refusals-- > 0)
        throw Object.assign(new Error("deadlock"), { code: "40P01" });
      const table = /^select \* from "(\w+)"/.exec(sql)?.[1] as keyof RolloutTables;
      return { rows: this.rows[table] ?? [] } as never;
    };
    return { executeQuery, streamQuery: () => Promise.reject(new Error("unused")) as never };
  }

  tables() {
    return this.#kysely;
  }

  transaction<R>(work: (db: Transaction<RolloutTables>) => Promise<R>): Promise<R> {
    return this.#kysely.transaction().execute(work);
  }

  /** Statements on a table, in their order. */
  on(table: string): string[] {
    return this.told.map(({ sql }) => sql).filter((sql) => sql.includes(`"${table}"`));
  }

  marked(): unknown[] {
    return this.told
      .filter(({ sql }) => sql.startsWith('insert into "device_to_plan"'))
      .flatMap(({ values }) => values);
  }
}
