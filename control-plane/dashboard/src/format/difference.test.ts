import { describe, expect, it } from "vitest";
import { chanceWords, formatDecibels, formatGain, formatPoints, formatPValue } from "./difference.js";

describe("differences for people", () => {
  it("come in percentage points with their sign, and none as none", () => {
    expect(formatPoints(0.0012)).toBe("+0.12");
    expect(formatPoints(-0.003)).toBe("\u22120.30");
    expect(formatPoints(0.9951 - 0.9951)).toBe("±0");
    expect(formatPoints(-0.00001)).toBe("±0");
    expect(formatPoints(null)).toBe("–");
  });

  it("of time are gains or losses", () => {
    expect(formatGain(0.234)).toBe("23 %");
    expect(formatGain(-0.04)).toBe("\u22124 %");
    expect(formatGain(undefined)).toBe("–");
  });

  it("are told from chance in words: a smaller p-value never sounds more like chance", () => {
    const words = [0.0001, 0.01, 0.1, 0.6].map(chanceWords);
    expect(new Set(words).size).toBe(4);
    expect(words[0]).toContain("surely");
    expect(words[3]).toContain("chance");
    expect(formatPValue(0.0001)).toBe("below 0.001");
    expect(formatPValue(0.0123)).toBe("0.012");
    expect(formatPValue(1)).toBe("1.00");
  });

  it("of signal and noise carry their unit", () => {
    expect(formatDecibels(31.456)).toBe("31.5 dB");
    expect(formatDecibels(Number.NaN)).toBe("–");
  });
});
