import { EventEmitter } from "node:events";
import { Logger } from "@nestjs/common";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openPool } from "./dialect.js";

describe("PostgreSQL", () => {
  afterEach(() => vi.restoreAllMocks());

  it("that restarts breaks connections, idle or not: that is logged and does not end the control plane", async () => {
    const logged: string[] = [];
    vi.spyOn(Logger.prototype, "warn").mockImplementation((message: unknown) => void logged.push(String(message)));
    const pools: EventEmitter[] = [];
    class Pool extends EventEmitter {
      constructor() {
        super();
        pools.push(this);
      }
    }
    const driver = { Pool, types: { getTypeParser: () => String } };
    const { name, description } = await openPool(driver, "postgres://user:hunter2@db.example/sartor");
    expect([name, description]).toEqual(["postgres", "PostgreSQL db.example/sartor"]);
    // An emitter without a listener would throw here, as it would end the process there.
    pools[0]?.emit("error", new Error("terminating connection due to administrator command"));
    // The same of a connection that is used, between two queries of a transaction.
    const connection = new EventEmitter();
    pools[0]?.emit("connect", connection);
    connection.emit("error", new Error("Connection terminated unexpectedly"));
    expect(logged).toEqual([
      expect.stringContaining("terminating connection"),
      expect.stringContaining("Connection terminated unexpectedly"),
    ]);
  });
});
