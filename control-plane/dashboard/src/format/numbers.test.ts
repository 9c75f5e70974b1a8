import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatFrequency,
  formatMilliseconds,
  formatRate,
  formatShare,
  formatSignificant,
  formatTemperature,
  UNKNOWN,
} from "./numbers.js";

describe("numbers an operator reads", () => {
  it("carry about three significant digits", () => {
    expect(formatSignificant(1234.5)).toBe("1235");
    expect(formatSignificant(12.34)).toBe("12.3");
    expect(formatSignificant(1.234)).toBe("1.23");
    expect(formatSignificant(0.4567)).toBe("0.457");
    expect(formatSignificant(0)).toBe("0");
  });

  it("carry their unit", () => {
    expect(formatRate(2.5)).toBe("2.50/s");
    expect(formatMilliseconds(0.468)).toBe("0.468 ms");
    expect(formatMilliseconds(12_000)).toBe("12.0 s");
    expect(formatTemperature(54.25)).toBe("54.3 °C");
    expect(formatFrequency(2400)).toBe("2.40 GHz");
    expect(formatFrequency(918)).toBe("918 MHz");
    expect(formatBytes(1536)).toBe("1.5 KiB");
    expect(formatBytes(8 * 1024 ** 3)).toBe("8.0 GiB");
    expect(formatBytes(999)).toBe("999 B");
  });

  it("group thousands", () => {
    expect(formatCount(1234567)).toBe("1\u202f234\u202f567");
  });

  it("show a dash for what is not known", () => {
    for (const format of [formatSignificant, formatCount, formatRate, formatMilliseconds, formatShare, formatBytes]) {
      expect(format(null)).toBe(UNKNOWN);
      expect(format(undefined)).toBe(UNKNOWN);
      expect(format(Number.NaN)).toBe(UNKNOWN);
    }
  });

  it("never claim certainty: a share below 1 is not shown as 100 %", () => {
    expect(formatShare(0.99999)).toBe("99.99 %");
    expect(formatShare(1)).toBe("100.00 %");
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (share) => {
        expect(formatShare(share).startsWith("100")).toBe(false);
      }),
    );
  });

  it("keep bytes below 1024 of their unit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 49 }), (bytes) => {
        expect(Number.parseFloat(formatBytes(bytes))).toBeLessThan(1024);
      }),
    );
  });
});
