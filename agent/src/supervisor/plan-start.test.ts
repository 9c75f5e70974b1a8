import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MOST_TRIAL_STARTS,
  type PlacedRelease,
  planCommit,
  planFirst,
  planRollBack,
  planStart,
  planTrial,
  type SupervisorState,
} from "./plan-start.js";

const idOf = (number: number) => `sha256:${String(number).padStart(64, "0")}`;
const first: PlacedRelease = { slot: "a", releaseId: idOf(0) };

describe("the agent's releases", () => {
  it("go back after so many starts that proved nothing, and are not tried again", () => {
    let state = planTrial(planFirst(first), { slot: "b", releaseId: idOf(1) }) as SupervisorState;
    for (let start = 0; start < MOST_TRIAL_STARTS; start++) {
      const plan = planStart(state);
      expect(plan).toMatchObject({ isProvisional: true, start: { slot: "b" } });
      state = plan.state;
    }
    const back = planStart(state);
    expect(back).toMatchObject({ isProvisional: false, start: first, gaveUp: { slot: "b", releaseId: idOf(1) } });
    expect(planTrial(back.state, { slot: "b", releaseId: idOf(1) })).toBeUndefined();
  });

  it("never go over the one that is kept, nor try what runs", () => {
    expect(planTrial(planFirst(first), { slot: "a", releaseId: idOf(1) })).toBeUndefined();
    expect(planTrial(planFirst(first), { slot: "b", releaseId: first.releaseId })).toBeUndefined();
  });

  it("whatever happens in whatever order: one that proved itself is kept, and a bad one gets three starts at most", () => {
    const events = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("install" as const), release: fc.integer({ min: 1, max: 5 }) }),
        // How a start ends; "lost" is a kill of the supervisor or a power cut right after the start was counted.
        fc.record({ kind: fc.constant("start" as const), ends: fc.constantFrom("works", "dies", "hangs", "lost") }),
      ),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(events, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), (happened, isGood) => {
        const good = (releaseId: string) =>
          releaseId === first.releaseId || isGood[Number(releaseId.slice(-2))] === true;
        let state = planFirst(first);
        const starts = new Map<string, number>();
        for (const event of happened) {
          if (event.kind === "install") {
            if (state.trial !== null) continue;
            const slot = state.committed.slot === "a" ? "b" : "a";
            const releaseId = idOf(event.release);
            state = planTrial(state, { slot, releaseId }) ?? state;
            continue;
          }
          const { start, isProvisional, state: counted } = planStart(state);
          state = counted;
          expect(start.releaseId === state.committed.releaseId).toBe(!isProvisional);
          if (!isProvisional) continue;
          starts.set(start.releaseId, (starts.get(start.releaseId) ?? 0) + 1);
          if (event.ends === "works" && good(start.releaseId)) state = planCommit(state);
          if (event.ends === "hangs") state = planRollBack(state);
          expect(good(state.committed.releaseId)).toBe(true);
          if (state.trial !== null) expect(state.trial.slot).not.toBe(state.committed.slot);
        }
        for (const [releaseId, count] of starts)
          if (!good(releaseId)) expect(count).toBeLessThanOrEqual(MOST_TRIAL_STARTS);
        // Left alone, a device always ends with a release that works.
        for (let start = 0; start <= MOST_TRIAL_STARTS; start++) state = planStart(state).state;
        expect(planStart(state)).toMatchObject({ isProvisional: false });
        expect(good(planStart(state).start.releaseId)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
