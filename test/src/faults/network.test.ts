import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NETWORK_FAULTS, type NetworkFault, runNetworkFaults } from "./network.js";
import { type NetworkFleet, startNetworkFleet } from "./network-fleet.js";

/** One cycle of each would take a quarter of an hour; a long run has them all. */
const SHARE: readonly NetworkFault[] = ["drop", "truncated answer", "corrupted content", "stale"];

describe("a rollout over a bad line", () => {
  let fleet: NetworkFleet;
  beforeAll(async () => {
    fleet = await startNetworkFleet(2);
  }, 120_000);
  afterAll(() => fleet?.stop());

  it.each(SHARE)(
    "reaches every device in spite of: %s",
    async (fault) => {
      expect(NETWORK_FAULTS).toContain(fault);
      let isInjected = false;
      const seed = Math.floor(Math.random() * 2 ** 31);
      const { violations, injected } = await runNetworkFaults(fleet, {
        seed,
        faults: [fault],
        // By chance nothing may happen in a rollout.
        cycles: 6,
        onCycle: (run) => {
          isInjected = (run.injected.get(fault) ?? 0) > 0;
        },
        isOver: () => isInjected,
      });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
      expect(injected.get(fault) ?? 0).toBeGreaterThan(0);
    },
    // Longer than a cycle that is stuck: it says itself which device is at what.
    600_000,
  );
});
