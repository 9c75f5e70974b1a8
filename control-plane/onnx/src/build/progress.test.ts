import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BuildProgress, type ProgressReport } from "./progress.js";

function watched(steps: readonly { id: string; weight: number }[]) {
  const reports: ProgressReport[] = [];
  const clock = { now: 0 };
  const progress = new BuildProgress(
    steps,
    () => clock.now,
    (report) => reports.push(report),
  );
  return { reports, clock, progress };
}

describe("progress of a build", () => {
  it("weighs steps by what they cost, and tells the time left by the pace so far", () => {
    const { reports, clock, progress } = watched([
      { id: "short", weight: 1 },
      { id: "long", weight: 9 },
    ]);
    progress.say("Calibrating");
    expect(reports.at(-1)).toEqual({ percent: 0, step: "Calibrating", remainingMs: null });
    clock.now = 1000;
    progress.finish("short");
    expect(reports.at(-1)).toEqual({ percent: 10, step: "Calibrating", remainingMs: 9000 });
    clock.now = 5000;
    progress.advance("long", 0.5);
    expect(reports.at(-1)?.percent).toBe(55);
  });

  it("never falls, never passes 100 and ends there, whatever order steps end in and however often", () => {
    const ids = ["a", "b", "c", "d"];
    const action = fc.tuple(
      fc.constantFrom(...ids, "unknown"),
      fc.double({ min: -1, max: 3, noNaN: true }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const { reports, clock, progress } = watched(ids.map((id, index) => ({ id, weight: index + 1 })));
        for (const [id, share, ends] of actions) {
          clock.now += 300;
          if (ends) progress.finish(id);
          else progress.advance(id, share);
        }
        progress.end();
        const percents = reports.map(({ percent }) => percent);
        expect(percents).toEqual(percents.toSorted((a, b) => a - b));
        expect(percents.at(-1)).toBe(100);
      }),
    );
  });
});
