import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countToRemove } from "./telemetry-quota.js";

describe("a device's quota of telemetry", () => {
  it("is held by removing as few of the oldest windows as will do", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(sizes, fc.nat(30), fc.nat(2_000), (oldestFirst, windows, bytes) => {
        const total = (from: number) => oldestFirst.slice(from).reduce((sum, size) => sum + size, 0);
        const fits = (from: number) => oldestFirst.length - from <= windows && total(from) <= bytes;
        const usage = { windows: oldestFirst.length, bytes: total(0) };
        const removed = countToRemove(usage, { windows, bytes }, oldestFirst);
        expect(fits(removed)).toBe(true);
        if (removed > 0) expect(fits(removed - 1)).toBe(false);
      }),
    );
  });
});
