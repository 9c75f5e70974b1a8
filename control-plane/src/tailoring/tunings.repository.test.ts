import type { TuningReport } from "@sartor/shared/protocol";
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import { describe, expect, it } from "vitest";
import type { Database } from "../database/index.js";
import type { NewTuning } from "./stored-tuning.js";
import { TuningsRepository } from "./tunings.repository.js";

describe("on PostgreSQL, where transactions run beside each other", () => {
  it("orders and reports of one device wait for each other before they read anything", async () => {
    const told: string[] = [];
    const kysely = new Kysely<object>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
      log: ({ query }) => {
        told.push(query.sql);
      },
    });
    const database = {
      dialect: "postgres",
      transaction: (work: (db: never) => Promise<unknown>) => kysely.transaction().execute((db) => work(db as never)),
    } as unknown as Database;
    const repository = new TuningsRepository(database);
    const lock = "select device_id from device where device_id = $1 for no key update";

    await repository.order({ deviceId: "pi", candidates: [], follows: null } as unknown as NewTuning);
    expect([told[0], told[1]]).toEqual([lock, expect.stringMatching(/^update "tuning"/)]);

    told.length = 0;
    const report = { deviceId: "pi", tuningId: "t", sequence: 1, at: 2 } as unknown as TuningReport;
    expect(await repository.take(report, [], 3, "further")).toEqual({ outcome: "ignored" });
    expect([told[0], told[1]]).toEqual([lock, expect.stringMatching(/^select "tuning_id" from "tuning"/)]);
  });
});
