import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateWatch, SLOWEST_DELIVERY } from "./rate-watch.js";

describe("RateWatch", () => {
  it("never complains of what brings the least rate in each window, however long it takes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 300 }), (waits) => {
        const watch = new RateWatch({ bytes: 1_000, windowMs: 1_000 });
        for (const wait of waits) expect(watch.note(wait, wait)).toBe(true);
      }),
    );
  });

  it("complains within two windows of what brings less, however it is cut up", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 2_100, maxLength: 2_100 }), (waits) => {
        const watch = new RateWatch({ bytes: 1_000, windowMs: 1_000 });
        let waited = 0;
        for (const wait of waits) {
          waited += wait;
          if (!watch.note(wait, wait / 2 - 0.5)) {
            expect(waited).toBeLessThanOrEqual(2_000);
            return;
          }
        }
        throw new Error("it never complained");
      }),
      { numRuns: 20 },
    );
  });

  it("does not count the time in which the peer is not waited for", () => {
    const watch = new RateWatch({ bytes: 1_000, windowMs: 1_000 });
    for (let piece = 0; piece < 100; piece++) expect(watch.note(0, 1)).toBe(true);
  });

  it("works with a line of 8 kbit/s that brings whole TLS records, and not with a byte a second", () => {
    const record = 16 * 1024;
    const slow = new RateWatch(SLOWEST_DELIVERY);
    for (let count = 0; count < 1_000; count++) expect(slow.note(record, record)).toBe(true);
    const dripping = new RateWatch(SLOWEST_DELIVERY);
    const notes = Array.from({ length: 60 }, () => dripping.note(1_000, 1));
    expect(notes.indexOf(false)).toBe(59);
  });
});
