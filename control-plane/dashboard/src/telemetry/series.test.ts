import type { TelemetryPoint, TelemetryReply } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chartColumns, classShares, joinTelemetry, liveSince, mergeTelemetry } from "./series.js";

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
          { reply: base, from: 0, startedAt: 5 },
          live.map((at) => ({ point: point(at), classCounts: { "3": 2 }, arrivedAt: 5 })),
        );
        const times = merged.points.map((entry) => entry.at);
        expect(times).toEqual([...new Set([...read, ...live])].sort((a, b) => a - b));
        const added = times.length - base.points.length;
        expect(merged.classCounts["3"] ?? 0).toBe(2 * added);
        expect(merged.windows.received).toBe(times.length);
      }),
    );
  });

  it("forgets a live window that left the range: the next read counts it no longer", () => {
    const live = [0, 10, 20].map((at) => ({ point: point(at), classCounts: { "3": 1 }, arrivedAt: at }));
    const late = { point: point(12), classCounts: { "3": 1 }, arrivedAt: 31 };
    // A range of 15, read again at 30: the server has what ended since 15.
    const merged = mergeTelemetry({ reply: reply([point(20)], { "3": 1 }), from: 15, startedAt: 30 }, [...live, late]);
    expect(merged.points.map((entry) => entry.at)).toEqual([20]);
    expect([merged.classCounts, merged.windows.received]).toEqual([{ "3": 1 }, 1]);
    expect(liveSince({ reply: reply([]), from: 15, startedAt: 20 }, live).map((entry) => entry.arrivedAt)).toEqual([
      20,
    ]);
  });

  it("keeps a window that came while it was read, whether or not the reply has it", () => {
    const read = { reply: reply([point(28)], { "3": 1 }), from: 15, startedAt: 30 };
    const live = [28, 29].map((at) => ({ point: point(at), classCounts: { "3": 1 }, arrivedAt: 30 }));
    expect(mergeTelemetry(read, live)).toMatchObject({ classCounts: { "3": 2 }, windows: { received: 2 } });
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
