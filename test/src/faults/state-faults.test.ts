import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FaultyDevice } from "./faulty-device.js";
import { startKillDevice } from "./kill.js";
import { runStateFaults, STATE_FAULTS } from "./state-faults.js";

describe("a device with", () => {
  let device: FaultyDevice;
  beforeAll(async () => {
    device = await startKillDevice();
  }, 120_000);
  afterAll(() => device?.stop());

  it.each(STATE_FAULTS)(
    "%s: serves one whole bundle again, and does what is ordered",
    async (kind) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const { violations, events } = await runStateFaults(device, { seed, injections: 3, kinds: [kind] });
      expect({ seed, violations, events: violations.length > 0 ? events : [] }).toEqual({
        seed,
        violations: [],
        events: [],
      });
    },
    240_000,
  );
});
