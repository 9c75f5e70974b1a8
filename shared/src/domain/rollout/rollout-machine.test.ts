import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEPLOYMENT_STATUSES, type RolloutStatus } from "../../protocol/index.js";
import { INITIAL_ROLLOUT, planRollout, type RolloutEffect, type RolloutState } from "./rollout-machine.js";
import { settleWave, type WaveCounts } from "./wave.js";

const observe = (state: RolloutState, ...waves: WaveCounts[]) => planRollout(state, { type: "observed", waves });
const inWave = (wave: number): RolloutState => ({ status: "running", wave });
const anyCounts: fc.Arbitrary<WaveCounts> = fc.dictionary(fc.constantFrom(...DEPLOYMENT_STATUSES), fc.nat(5));

describe("a wave", () => {
  it.each<[WaveCounts, RolloutStatus]>([
    [{ queued: 1, failed: 3 }, "running"],
    [{ in_progress: 1 }, "running"],
    [{ succeeded: 2 }, "succeeded"],
    [{ succeeded: 9, failed: 1 }, "failed"],
    [{ succeeded: 9, timed_out: 1 }, "failed"],
    [{ succeeded: 9, rejected: 1 }, "failed"],
    [{ succeeded: 1, canceled: 1 }, "succeeded"],
    [{ canceled: 2 }, "canceled"],
    [{}, "canceled"],
  ])("with %o is %s", (counts, status) => {
    expect(settleWave(counts)).toBe(status);
  });
});

describe("a rollout", () => {
  it("starts its first wave", () => {
    expect(observe(INITIAL_ROLLOUT, {})).toEqual({ state: inWave(1), effects: [{ type: "start_wave", wave: 1 }] });
  });

  it("waits while a device is at work", () => {
    expect(observe(inWave(1), { in_progress: 1, succeeded: 4 })).toEqual({ state: inWave(1), effects: [] });
  });

  it("ends with its last wave", () => {
    expect(observe(inWave(1), { succeeded: 3 })).toEqual({
      state: { status: "succeeded", wave: 1 },
      effects: [{ type: "finished", status: "succeeded" }],
    });
  });

  it("goes on to its second wave when the first ended, and judges both", () => {
    expect(observe(inWave(1), { failed: 1 }, {}).effects).toEqual([{ type: "start_wave", wave: 2 }]);
    expect(observe(inWave(2), { failed: 1 }, { succeeded: 1 }).state.status).toBe("failed");
  });

  it("cancels its deployments when an operator stops it", () => {
    expect(planRollout(inWave(1), { type: "canceled" })).toEqual({
      state: { status: "canceled", wave: 1 },
      effects: [{ type: "cancel_deployments" }, { type: "finished", status: "canceled" }],
    });
  });
});

describe("whatever an executor sees", () => {
  it("starts each wave once, in order, and finishes once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.array(anyCounts, { minLength: 4, maxLength: 4 })),
        (n, looks) => {
          let state = INITIAL_ROLLOUT;
          const effects: RolloutEffect[] = [];
          for (const look of looks) {
            const plan = observe(state, ...look.slice(0, n));
            effects.push(...plan.effects);
            state = plan.state;
          }
          const started = effects.flatMap((effect) => (effect.type === "start_wave" ? [effect.wave] : []));
          expect(started).toEqual(Array.from({ length: state.wave }, (_, index) => index + 1));
          expect(effects.filter(({ type }) => type === "finished").length).toBe(state.status === "running" ? 0 : 1);
        },
      ),
    );
  });

  it("never leaves its end", () => {
    fc.assert(
      fc.property(fc.constantFrom<RolloutStatus>("succeeded", "failed", "canceled"), anyCounts, (status, counts) => {
        const state: RolloutState = { status, wave: 1 };
        expect(observe(state, counts)).toEqual({ state, effects: [] });
        expect(planRollout(state, { type: "canceled" })).toEqual({ state, effects: [] });
      }),
    );
  });
});
