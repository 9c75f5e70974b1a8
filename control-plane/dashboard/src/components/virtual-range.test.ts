import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { virtualRange } from "./virtual-range.js";

describe("a table of ten thousand rows", () => {
  it("draws every row that is seen, few others, and keeps its full height", () => {
    fc.assert(
      fc.property(
        fc.nat(20_000),
        fc.integer({ min: 20, max: 80 }),
        fc.nat(2_000_000),
        fc.nat(3_000),
        (count, height, scroll, view) => {
          const reachable = Math.min(scroll, Math.max(0, count * height - view));
          const range = virtualRange(count, height, reachable, view);
          expect(range.before + (range.end - range.start) * height + range.after).toBe(count * height);
          expect(range.start * height).toBeLessThanOrEqual(reachable);
          expect(range.end * height).toBeGreaterThanOrEqual(Math.min(count * height, reachable + view));
          expect(range.end - range.start).toBeLessThanOrEqual(view / height + 20);
        },
      ),
    );
  });

  it("draws its end when it became shorter than it is scrolled", () => {
    const range = virtualRange(3, 40, 100_000, 400);
    expect(range.end).toBe(3);
    expect(range.after).toBe(0);
  });
});
