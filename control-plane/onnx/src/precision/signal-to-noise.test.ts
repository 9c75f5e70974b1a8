import { describe, expect, it } from "vitest";
import { decibels, noiseBetween, powerOf } from "./signal-to-noise.js";

describe("signal to noise", () => {
  it("is ten times the logarithm of the powers' ratio", () => {
    const [exact, other] = [Float32Array.of(3, 4), Float32Array.of(3, 3.5)];
    expect(decibels({ signal: powerOf(exact), noise: noiseBetween(exact, other) })).toBeCloseTo(20, 9);
  });

  it("is without end where nothing was lost, of a value that is zero throughout, too: it must not count as the worst", () => {
    expect(decibels({ signal: 25, noise: 0 })).toBe(Number.POSITIVE_INFINITY);
    expect(decibels({ signal: 0, noise: 0 })).toBe(Number.POSITIVE_INFINITY);
  });

  it("is the least there is where noise stands in for nothing, or for what is no number: anything else is better", () => {
    expect(decibels({ signal: 0, noise: 1 })).toBe(Number.NEGATIVE_INFINITY);
    expect(decibels({ signal: 25, noise: Number.NaN })).toBe(Number.NEGATIVE_INFINITY);
    expect(decibels({ signal: 25, noise: Number.POSITIVE_INFINITY })).toBe(Number.NEGATIVE_INFINITY);
  });
});
