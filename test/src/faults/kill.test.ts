import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FaultyDevice } from "./faulty-device.js";
import { KILLS, runKills, startKillDevice } from "./kill.js";

describe("an agent that is killed in the middle of deployments", () => {
  let device: FaultyDevice;
  beforeAll(async () => {
    device = await startKillDevice();
  }, 120_000);
  afterAll(() => device?.stop());

  it.each(KILLS)(
    "%s: one whole bundle, floors that never fall, one end of each attempt, nothing left over",
    async (kind) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const { violations, events, injected } = await runKills(device, { seed, injections: 8, kinds: [kind] });
      expect({ seed, violations, events: violations.length > 0 ? events : [] }).toEqual({
        seed,
        violations: [],
        events: [],
      });
      expect([...injected.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(8);
    },
    240_000,
  );
});
