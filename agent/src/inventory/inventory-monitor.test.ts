import type { Inventory } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { Clock } from "../platform/index.js";
import { collectInventory } from "./collect-inventory.js";
import { InventoryMonitor } from "./inventory-monitor.js";
import { boardFiles, noPrograms } from "./testing/memory-files.js";

const inventory = (available = 50, collectedAt = 0): Promise<Inventory> =>
  collectInventory({
    files: boardFiles("raspberry-pi-5"),
    run: noPrograms,
    clock: { now: () => collectedAt },
    diskSpace: async () => ({ totalBytes: 1000, availableBytes: available }),
    statePath: "/state",
    agentVersion: "0.1.0",
    serialSalt: "salt",
    probeThisMachine: false,
  });

/** A clock whose sleeps end at once, `rounds` times; then the signal goes off. */
function steppedClock(rounds: number): { clock: Clock; signal: AbortSignal; slept: number[] } {
  const controller = new AbortController();
  const slept: number[] = [];
  return {
    signal: controller.signal,
    slept,
    clock: {
      now: () => 0,
      monotonic: () => 0,
      sleep: async (milliseconds) => {
        slept.push(milliseconds);
        if (slept.length >= rounds) {
          controller.abort();
          throw new Error("aborted");
        }
      },
    },
  };
}

async function watch(
  answers: (() => Promise<Inventory>)[],
  onChange?: (inventory: Inventory) => void,
  lastReported?: Inventory,
) {
  const { clock, signal, slept } = steppedClock(answers.length);
  const reported: Inventory[] = [];
  const problems: unknown[] = [];
  let round = 0;
  const monitor = new InventoryMonitor({
    clock,
    intervalMs: 300_000,
    collect: () => (answers[round++] ?? inventory)(),
    onChange: (found) => {
      onChange?.(found);
      reported.push(found);
    },
    onProblem: (problem) => problems.push(problem),
    ...(lastReported === undefined ? {} : { lastReported }),
  });
  await monitor.run(signal);
  return { reported, problems, slept, monitor };
}

describe("the inventory monitor", () => {
  it("reports once at the start and then stays silent while nothing changes", async () => {
    const { reported, slept } = await watch([
      () => inventory(500, 1),
      () => inventory(501, 2),
      () => inventory(530, 3),
    ]);
    expect(reported.map((found) => found.collectedAt)).toEqual([1]);
    expect(slept).toEqual([300_000, 300_000, 300_000]);
  });

  it("reports again when the disk filled by more than a twentieth, measured from the last report", async () => {
    const { reported } = await watch([() => inventory(500), () => inventory(470), () => inventory(445)]);
    expect(reported.map((found) => found.disk.availableBytes)).toEqual([500, 445]);
  });

  it("stays silent after a restart when the last report still holds", async () => {
    expect((await watch([() => inventory(500, 9)], undefined, await inventory(500, 1))).reported).toEqual([]);
  });

  it("goes on after a round that failed", async () => {
    const { reported, problems } = await watch([() => Promise.reject(new Error("no /proc")), () => inventory()]);
    expect(problems).toEqual([new Error("no /proc")]);
    expect(reported).toHaveLength(1);
  });

  it("reports again what could not be reported", async () => {
    let calls = 0;
    const { reported, problems } = await watch([() => inventory(), () => inventory()], () => {
      calls += 1;
      if (calls === 1) throw new Error("offline");
    });
    expect(problems).toHaveLength(1);
    expect(reported).toHaveLength(1);
  });
});
