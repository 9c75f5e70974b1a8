import { type TuningView, tuningViewSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { tuningSummary } from "../demo/tuning-summary.js";
import { tuningText } from "./tuning-text.js";

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const result = (name: "fp32" | "int8-u8s8", threads: number, p50Ms: number | null, ratio: number | null) => ({
  candidateId: `${name} cpu ${threads}`,
  variant: { name, kind: name },
  executionProvider: "cpu",
  adapter: "onnxruntime-node",
  intraOpThreads: threads,
  sessionConfig: {},
  outcome: p50Ms === null ? "refused" : "measured",
  runs: p50Ms === null ? 0 : 400,
  rounds: 8,
  discardedRounds: 1,
  throttled: false,
  p50Ms,
  p95Ms: p50Ms === null ? null : p50Ms * 1.2,
  ratio: ratio === null ? null : { low: ratio * 0.97, typical: ratio, high: ratio * 1.03 },
  peakMemoryBytes: 60 * 1024 * 1024,
  powerMilliwatts: null,
  providerVerified: p50Ms !== null,
  golden: null,
  error: p50Ms === null ? { code: "SRT_PROBE_GOLDEN_MISMATCH", message: "The answers differ." } : null,
});

const TUNING: TuningView = tuningViewSchema.parse({
  tuningId: id,
  deviceId: "vm-abc",
  model: "road-sign",
  version: "1.0.0",
  status: "succeeded",
  reason: "an operator asked for it",
  apply: true,
  candidates: [],
  rules: { minimumGain: 0.05, hysteresisMs: 0 },
  budget: { seconds: 60, maximumCpuShare: 0.5 },
  progress: 1,
  report: {
    schemaVersion: 1,
    deviceId: "vm-abc",
    sequence: 1,
    at: 0,
    tuningId: id,
    trigger: "ordered",
    status: "succeeded",
    error: null,
    model: "road-sign",
    version: "1.0.0",
    environment: {
      agentVersion: "0.1.0",
      onnxRuntimeVersion: "1.30.0",
      powerModeId: null,
      memoryBytes: 1,
      logicalCores: 2,
    },
    incumbent: { bundleId: `sha256:${"0".repeat(64)}`, variant: "int8-u8s8", candidateId: "int8-u8s8 cpu 1" },
    results: [
      result("int8-u8s8", 1, 0.3, null),
      result("int8-u8s8", 2, 0.2, 0.66),
      result("fp32", 2, 0.5, 1.66),
      result("fp32", 1, null, null),
    ],
    verdict: {
      decision: "switch",
      candidateId: "int8-u8s8 cpu 2",
      gain: { low: 0.31, typical: 0.34, high: 0.36 },
      reason: "It is faster than what serves by more than 5 %.",
    },
    totalRuns: 1200,
    durationMs: 34_000,
    cpuShare: 0.4,
  },
  rolloutId: null,
  createdAt: 0,
  finishedAt: 34_000,
});

describe("a tuning on the terminal", () => {
  it("tells each candidate, who was refused and why, and the verdict with its interval", () => {
    const text = tuningText(TUNING);
    expect(text).toMatch(/int8-u8s8 on cpu, 1 thread \(incumbent\) +measured +0\.300/);
    expect(text).toMatch(/int8-u8s8 on cpu, 2 threads +measured +0\.200 .* 0\.66 \(0\.64 to 0\.68\)/);
    expect(text).toContain("fp32: SRT_PROBE_GOLDEN_MISMATCH: The answers differ.");
    expect(text).toContain("1200 runs in 34 s, 40.00 % of the device's CPU time");
    expect(text.replace(/\s+/g, " ")).toContain(
      "switch int8-u8s8 cpu 2, 34.00 % faster (95 % interval 31.00 % to 36.00 %)",
    );
  });

  it("tells how far it is while it runs", () => {
    expect(tuningText({ ...TUNING, status: "in_progress", report: null, progress: 0.25 })).toContain("25.00 % done");
  });

  it("is told in two lines by the demo: what was chosen and why, and what was gained", () => {
    const [choice, gain, ...more] = tuningSummary(TUNING);
    expect(choice).toBe(
      "this machine switches to int8-u8s8 on cpu, 2 threads: It is faster than what serves by more than 5 %.",
    );
    expect(gain).toContain(
      "0.200 ms a sign at the median; 34.00 % faster than before (95 % interval 31.00 % to 36.00 %)",
    );
    expect(gain).toContain("2.52 times as fast as the best fp32, measured side by side");
    expect(gain).toContain("3 candidates measured, 1200 runs in 34 s");
    expect(more).toEqual([]);
  });

  it("claims no verdict where there is none", () => {
    expect(tuningSummary({ ...TUNING, status: "canceled", report: null })).toEqual([
      "the tuning ended without a verdict (canceled)",
    ]);
  });
});
