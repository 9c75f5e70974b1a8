import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countWindows } from "./count-windows.js";

const mark = (sequence: number, streamId = "s", dropped = 0) => ({ streamId, sequence, dropped });

describe("counting telemetry windows", () => {
  it("finds nothing in nothing", () => {
    expect(countWindows([])).toEqual({ received: 0, missing: 0, dropped: 0 });
  });

  it("finds the gap in each stream, but none between two streams", () => {
    expect(countWindows([mark(3), mark(4), mark(7), mark(100, "t"), mark(102, "t")])).toMatchObject({
      received: 5,
      missing: 3,
    });
  });

  it("tells how many the device dropped itself in the range", () => {
    expect(countWindows([mark(1, "s", 5), mark(4, "s", 7)])).toEqual({ received: 2, missing: 2, dropped: 2 });
  });

  it("misses exactly those taken out between the first and the last, in whatever order they came", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(500), { minLength: 1 }), (sequences) => {
        const { missing, received } = countWindows(sequences.map((sequence) => mark(sequence)));
        expect(missing + received).toBe(Math.max(...sequences) - Math.min(...sequences) + 1);
      }),
    );
  });
});
