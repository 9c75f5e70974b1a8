import { DdSketch } from "@sartor/shared/domain/sketch";
import { describe, expect, it } from "vitest";
import { toLatest, toPoint } from "./telemetry-point.js";

describe("a point of a chart", () => {
  it("shows the quantiles of the window's sketches within their accuracy", () => {
    const latency = new DdSketch();
    for (let value = 1; value <= 1_000; value++) latency.add(value / 100);
    const point = toPoint({
      startedAt: 0,
      endedAt: 10_000,
      inference: { count: 1_000, errors: { A: 2, B: 3 }, latencyMs: latency.toMessage() },
      system: { temperatureCelsius: 41 },
    });
    expect(point).toMatchObject({ at: 10_000, seconds: 10, requests: 1_000, errors: 5, temperatureCelsius: 41 });
    expect(Math.abs((point.latencyMs?.p50 ?? 0) / 5 - 1)).toBeLessThan(0.03);
    expect(Math.abs((point.latencyMs?.p99 ?? 0) / 9.9 - 1)).toBeLessThan(0.03);
    expect(toLatest(point)).toMatchObject({ requestsPerSecond: 100, topProbabilityP50: null });
  });

  it("has no latency where nothing was asked", () => {
    const point = toPoint({ startedAt: 5, endedAt: 5, inference: { count: 0, errors: {} }, system: {} });
    expect(point).toMatchObject({ latencyMs: null, entropy: null, version: null });
    expect(toLatest(point).requestsPerSecond).toBe(0);
  });
});
