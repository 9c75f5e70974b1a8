import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { missingChunkBytes, mostDeltaBytes } from "./delta-cost.js";

const chunk = fc.nat(9).map((digit) => ({ digest: `sha256:${String(digit).repeat(64)}`, bytes: digit + 1 }));
const file = fc.array(chunk, { maxLength: 12 });

describe("what a file costs without a difference", () => {
  it("is each chunk that the device lacks, once", () => {
    fc.assert(
      fc.property(file, fc.array(file, { maxLength: 3 }), (target, bases) => {
        const held = new Set(bases.flat().map(({ digest }) => digest));
        const lacked = new Map(
          target.filter(({ digest }) => !held.has(digest)).map(({ digest, bytes }) => [digest, bytes]),
        );
        expect(missingChunkBytes(target, bases)).toBe([...lacked.values()].reduce((sum, bytes) => sum + bytes, 0));
        expect(missingChunkBytes(target, [target])).toBe(0);
      }),
    );
  });

  it("is undercut by a fifth by every difference that is offered", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (fullBytes, chunkBytes) => {
        const most = mostDeltaBytes(fullBytes, chunkBytes);
        expect(most === 0 || most < 0.8 * Math.min(fullBytes, chunkBytes)).toBe(true);
      }),
    );
    expect(mostDeltaBytes(1_000, 500)).toBe(399);
  });
});
