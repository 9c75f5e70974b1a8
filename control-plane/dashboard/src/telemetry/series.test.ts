import type { TelemetryPoint, TelemetryReply } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chartColumns, classShares, joinTelemetry, mergeTelemetry } from "./series.js";

function point(at: number, requests = 1): TelemetryPoint {
  return {
    at,
    seconds: 10,
    version: null,
    variant: null,
    requests,
    errors: 0,
    latencyMs: null,
    topProbability: null,
    entropy: null,
    temperatureCelsius: null,
    agentMemoryBytes: null,
    cpuLoad: null,
    cpuFrequencyMhz: null,
  };
}

function reply(points: TelemetryPoint[], classCounts: Record<string, number> = {}): TelemetryReply {
  return { deviceId: "pi", points, classCounts, windows: { received: points.length, missing: 0, dropped: 0 } };
}

describe("telemetry on the page", () => {
  it("grows by each live window, once, and stays in order of time", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(50)), (read, live) => {
        const base = reply([...new Set(read)].sort((a, b) => a - b).map((at) => point(at)));
        const merged = mergeTelemetry(
          base,
          live.map((at) => ({ point: point(at), classCounts: { "3": 2 } })),
        );
        const times = merged.points.map((entry) => entry.at);
        expect(times).toEqual([...new Set([...read, ...live])].sort((a, b) => a - b));
        const added = times.length - base.points.length;
        expect(merged.classCounts["3"] ?? 0).toBe(2 * added);
        expect(merged.windows.received).toBe(times.length);
      }),
    );
  });

  it("of a long range is put together from its parts", () => {
    const joined = joinTelemetry(reply([point(1), point(2)], { "0": 1 }), reply([point(3)], { "0": 2, "1": 5 }));
    expect(joined.points.map((entry) => entry.at)).toEqual([1, 2, 3]);
    expect(joined.classCounts).toEqual({ "0": 3, "1": 5 });
    expect(joined.windows.received).toBe(3);
  });

  it("shows a gap where windows are missing instead of a line across it", () => {
    const columns = chartColumns([point(0), point(10_000), point(60_000)], [(entry) => entry.requests]);
    expect(columns[0]).toEqual([0, 10, 35, 60]);
    expect(columns[1]).toEqual([1, 1, null, 1]);
  });

  it("names classes by label, most frequent first, with shares that add up to one", () => {
    const shares = classShares({ "1": 3, "0": 1, "7": 4, "2": 0 }, ["stop", "yield", "main road"]);
    expect(shares.map((entry) => entry.label)).toEqual(["class 7", "yield", "stop"]);
    expect(shares.reduce((sum, entry) => sum + entry.share, 0)).toBeCloseTo(1, 12);
  });
});
