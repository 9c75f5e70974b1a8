import { DdSketch } from "@sartor/shared/domain/sketch";
import type { DeviceSummary, SketchMessage, TelemetryPoint, TelemetryWindow } from "@sartor/shared/protocol";

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
    latencyMs: quantiles(inference.latencyMs, { p50: 0.5, p95: 0.95, p99: 0.99 }),
    topProbability: quantiles(inference.topProbability, { p10: 0.1, p50: 0.5 }),
    entropy: quantiles(inference.entropy, { p50: 0.5, p90: 0.9 }),
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

function quantiles<K extends string>(
  message: SketchMessage | undefined,
  wanted: Readonly<Record<K, number>>,
): Record<K, number> | null {
  if (message === undefined || message.count === 0) return null;
  const sketch = DdSketch.fromMessage(message);
  const entries = Object.entries<number>(wanted).map(([name, q]) => [name, sketch.quantile(q)] as const);
  if (entries.some(([, value]) => value === undefined)) return null;
  return Object.fromEntries(entries) as Record<K, number>;
}
