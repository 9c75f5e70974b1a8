import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evictions } from "./delta-eviction.js";

const kept = fc.uniqueArray(fc.record({ deltaId: fc.uuid(), bytes: fc.nat(50), usedAt: fc.nat(20) }), {
  maxLength: 20,
  selector: ({ deltaId }) => deltaId,
});

describe("what is kept of differences", () => {
  it("never is more than may be kept, and nothing goes without need", () => {
    fc.assert(
      fc.property(kept, fc.nat(200), fc.nat(20), (all, bytes, count) => {
        const gone = new Set(evictions(all, { bytes, count }));
        const stay = all.filter(({ deltaId }) => !gone.has(deltaId));
        const sum = (list: readonly { bytes: number }[]) => list.reduce((total, each) => total + each.bytes, 0);
        expect(stay.length).toBeLessThanOrEqual(count);
        expect(sum(stay)).toBeLessThanOrEqual(bytes);
        expect(new Set([...gone]).size + stay.length).toBe(all.length);
        // Whatever went was used no later than anything of content that stayed; with it back, one of the limits would be broken.
        const goneRows = all.filter(({ deltaId }) => gone.has(deltaId));
        const newestGone = Math.max(...goneRows.map(({ usedAt }) => usedAt), -1);
        for (const each of stay) if (each.bytes > 0) expect(each.usedAt).toBeGreaterThanOrEqual(newestGone);
        const last = goneRows.filter(({ usedAt }) => usedAt === newestGone);
        if (last.length === 1) {
          const back = [...stay, ...last];
          expect(back.length > count || sum(back) > bytes).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
