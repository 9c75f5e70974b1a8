import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePoint, encodePoint } from "./point-code.js";

const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

describe("a point in the database", () => {
  it("comes back as it was", () => {
    const points = fc.record({
      at: fc.nat(),
      seconds: fc.nat(),
      version: orNull(fc.string()),
      variant: orNull(fc.string()),
      requests: fc.nat(),
      errors: fc.nat(),
      latencyMs: orNull(fc.record({ p50: number, p95: number, p99: number })),
      topProbability: orNull(fc.record({ p10: number, p50: number })),
      entropy: orNull(fc.record({ p50: number, p90: number })),
      temperatureCelsius: orNull(number),
      agentMemoryBytes: orNull(number),
      cpuLoad: orNull(number),
      cpuFrequencyMhz: orNull(number),
    });
    fc.assert(
      fc.property(points, (point) => {
        expect(decodePoint(point.at, encodePoint(point))).toEqual(point);
      }),
    );
  });
});
