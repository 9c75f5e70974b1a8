import { describe, expect, it } from "vitest";
import { RolloutsRepository } from "./rollouts.repository.js";
import type { RolloutTable } from "./rollouts.tables.js";
import { ToldDatabase } from "./told-database.repository.js";

const rollout = (rollout_id: string, status: RolloutTable["status"]): RolloutTable => ({
  rollout_id,
  name: "test",
  model: "tiny",
  version: "1.0.0",
  deadline_ms: 1,
  probe: "{}",
  status,
  wave: 1,
  tailoring: "{}",
  origin: "request",
  choice: null,
  cancel_requested_at: null,
  created_at: 0,
  finished_at: status === "running" ? null : 1,
});

describe("the list of rollouts", () => {
  it("counts the devices of a finished rollout once, and of a running one each time", async () => {
    const rows = [rollout("r3", "running"), rollout("r2", "succeeded"), rollout("r1", "failed")];
    const database = new ToldDatabase({ rollout: rows });
    const repository = new RolloutsRepository(database as never);
    const counted = async () => {
      database.told.length = 0;
      expect(await repository.list(null, 10, undefined)).toHaveLength(3);
      return database.told.filter(({ sql }) => sql.includes("count(*)")).map(({ values }) => values[0]);
    };
    expect(await counted()).toEqual(["r3", "r2", "r1"]);
    expect(await counted()).toEqual(["r3"]);
  });

  it("lets everyone else work between two rollouts that it counts", async () => {
    const rows = Array.from({ length: 20 }, (_, index) => rollout(`r${index}`, "running"));
    const repository = new RolloutsRepository(new ToldDatabase({ rollout: rows }) as never);
    let turns = 0;
    let listing = true;
    const count = () => {
      if (!listing) return;
      turns += 1;
      setImmediate(count);
    };
    setImmediate(count);
    await repository.list(null, 20, undefined);
    listing = false;
    expect(turns).toBeGreaterThanOrEqual(19);
  });
});
