import { describe, expect, it } from "vitest";
import { UNKNOWN } from "./numbers.js";
import { formatAge, formatDuration, formatLongDuration, formatMoment } from "./time.js";

describe("times an operator reads", () => {
  it("say how long ago in one unit", () => {
    const now = 1_800_000_000_000;
    expect(formatAge(now - 500, now)).toBe("now");
    expect(formatAge(now - 42_000, now)).toBe("42 s ago");
    expect(formatAge(now - 3 * 60_000, now)).toBe("3 min ago");
    expect(formatAge(now - 26 * 3_600_000, now)).toBe("1 d ago");
    expect(formatAge(null, now)).toBe(UNKNOWN);
  });

  it("do not turn negative when the device's clock runs ahead", () => {
    expect(formatAge(1_000_000, 0)).toBe("now");
    expect(formatDuration(-5)).toBe("0 s");
  });

  it("give two units for a length of time", () => {
    expect(formatLongDuration(65_000)).toBe("1 min 5 s");
    expect(formatLongDuration(7_380_000)).toBe("2 h 3 min");
  });

  it("give the absolute moment with its zone", () => {
    expect(formatMoment(Date.UTC(2026, 2, 1, 12, 0, 0))).toMatch(/^2026-03-01 \d\d:\d\d:00 UTC/);
    expect(formatMoment(Number.MAX_VALUE)).toBe(UNKNOWN);
  });
});
