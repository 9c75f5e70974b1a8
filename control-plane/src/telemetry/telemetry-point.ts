import type { DeviceSummary, TelemetryPoint, TelemetryWindow } from "@sartor/shared/protocol";
import { quantilesOf } from "./quantiles-of.js";

type Window = Pick<TelemetryWindow, "startedAt" | "endedAt" | "serving" | "inference" | "system">;

/** Reduces a window to what a chart shows: its sketches become quantiles. */
export function toPoint(window: Window): TelemetryPoint {
  const { inference, system, serving } = window;
  return {
    at: window.endedAt,
    seconds: Math.max(0, window.endedAt - window.startedAt) / 1_000,
    version: serving?.version ?? null,
    variant: serving?.variant ?? null,
    requests: inference.count,
    errors: Object.values(inference.errors).reduce((sum, count) => sum + count, 0),
    latencyMs: quantilesOf(inference.latencyMs, { p50: 0.5, p95: 0.95, p99: 0.99 }),
    topProbability: quantilesOf(inference.topProbability, { p10: 0.1, p50: 0.5 }),
    entropy: quantilesOf(inference.entropy, { p50: 0.5, p90: 0.9 }),
    temperatureCelsius: system.temperatureCelsius ?? null,
    agentMemoryBytes: system.agentMemoryBytes ?? null,
    cpuLoad: system.cpuLoad ?? null,
    cpuFrequencyMhz: system.cpuFrequencyMhz ?? null,
  };
}

/** Reduces a point to what a list of devices shows. */
export function toLatest(point: TelemetryPoint): NonNullable<DeviceSummary["latest"]> {
  return {
    at: point.at,
    requestsPerSecond: point.seconds > 0 ? point.requests / point.seconds : 0,
    latencyP50Ms: point.latencyMs?.p50 ?? null,
    latencyP95Ms: point.latencyMs?.p95 ?? null,
    topProbabilityP50: point.topProbability?.p50 ?? null,
    temperatureCelsius: point.temperatureCelsius,
    agentMemoryBytes: point.agentMemoryBytes,
  };
}
