import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overallProgress } from "./build-progress.js";
import type { StoredBuild, StoredStep } from "./stored-build.js";

const build = (done: number, left: number) => {
  const step = (status: StoredStep["status"]) => ({ name: "fp16", status, variantId: null, error: null });
  const steps = [...Array(done).fill(step("succeeded")), ...Array(left).fill(step("queued"))];
  return { steps } as unknown as StoredBuild;
};

describe("the progress of a build that was interrupted", () => {
  it("goes on where it was and never falls", () => {
    const at = (percent: number) => overallProgress(build(3, 1), { percent, step: "", remainingMs: null }).percent;
    expect([at(0), at(50), at(100)]).toEqual([75, 87.5, 100]);
    fc.assert(
      fc.property(fc.nat(13), fc.nat(13), fc.double({ min: 0, max: 100, noNaN: true }), (done, left, percent) => {
        const progress = overallProgress(build(done, left), { percent, step: "", remainingMs: null }).percent;
        expect(progress).toBeGreaterThanOrEqual(0);
        expect(progress).toBeLessThanOrEqual(100);
      }),
    );
  });
});
