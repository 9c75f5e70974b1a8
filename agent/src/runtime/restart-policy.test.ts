import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addCrash, isFailing, NO_CRASHES, restartDelay } from "./restart-policy.js";
import { DEFAULT_RUNTIME_SETTINGS as policy } from "./settings.js";

describe("restarting a crashed runtime", () => {
  it("waits longer after each crash in a row, never longer than the limit", () => {
    let record = NO_CRASHES;
    const delays = Array.from({ length: 12 }, () => {
      record = addCrash(record, 0, policy);
      return restartDelay(record, policy);
    });
    expect(delays.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(delays).toEqual([...delays].sort((a, b) => a - b));
    expect(delays.at(-1)).toBe(policy.longestRestartDelayMs);
  });

  it("counts as failing after three crashes in a row, and anew after a healthy time", () => {
    let record = NO_CRASHES;
    for (let crash = 0; crash < 3; crash++) record = addCrash(record, 10, policy);
    expect(isFailing(record, policy)).toBe(true);
    expect(isFailing(addCrash(record, policy.healthyAfterMs, policy), policy)).toBe(false);
  });

  it("never asks for a pause that is no number, whatever the count", () => {
    fc.assert(
      fc.property(fc.nat(), (inARow) => {
        const delay = restartDelay({ inARow }, policy);
        expect(delay).toBeGreaterThanOrEqual(policy.restartDelayMs);
        expect(delay).toBeLessThanOrEqual(policy.longestRestartDelayMs);
      }),
    );
  });
});
