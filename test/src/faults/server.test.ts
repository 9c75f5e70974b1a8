import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runServerFaults, type ServerBench, startServerBench } from "./server.js";

describe("a control plane that is killed in the middle of rollouts", () => {
  let bench: ServerBench;
  beforeAll(async () => {
    bench = await startServerBench();
  }, 120_000);
  afterAll(() => bench?.stop());

  it("skips no wave, repeats none and begins none too early", async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { violations, injected } = await runServerFaults(bench, { seed, injections: 6 });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect([...injected.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(6);
  }, 240_000);
});
