import { type TuningReport, type TuningResult, tuningReportSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { measurementsOf } from "./measurements-of-report.js";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const OTHER = `sha256:${"b".repeat(64)}` as const;

const result = (changes: Partial<TuningResult> = {}): TuningResult => ({
  candidateId: "fp32 cpu 2",
  variant: { name: "fp32", kind: "fp32" },
  executionProvider: "cpu",
  adapter: "onnxruntime-node",
  intraOpThreads: 2,
  sessionConfig: {},
  outcome: "measured",
  runs: 300,
  rounds: 10,
  discardedRounds: 0,
  throttled: false,
  p50Ms: 1,
  p95Ms: 1.5,
  ratio: null,
  peakMemoryBytes: 1_000,
  powerMilliwatts: null,
  providerVerified: true,
  golden: null,
  error: null,
  ...changes,
});

const report = (...results: TuningResult[]): TuningReport =>
  tuningReportSchema.parse({
    schemaVersion: 1,
    deviceId: "pi-1",
    sequence: 1,
    at: 5,
    tuningId: "01HZZZZZZZZZZZZZZZZZZZZZZZ",
    trigger: "ordered",
    status: "succeeded",
    error: null,
    model: "tiny",
    version: "1.0.0",
    environment: {
      agentVersion: "1",
      onnxRuntimeVersion: "1.30.0",
      powerModeId: 2,
      memoryBytes: 1,
      logicalCores: 4,
    },
    incumbent: null,
    results,
    verdict: null,
    totalRuns: 1,
    durationMs: 1,
    cpuShare: 0,
  });

let ids = 0;
const context = {
  deviceType: "raspberry-pi-4",
  emulated: false,
  variants: new Map([
    ["fp32 cpu 2", { name: "fp32", digest: DIGEST, macs: 77 }],
    ["fp32 cpu 4", { name: "fp32", digest: DIGEST, macs: 77 }],
    ["fp32-pruned cpu 2", { name: "fp32-pruned", digest: OTHER, macs: 50 }],
  ]),
  measuredAt: 1_000,
  newId: () => `01HZZZZZZZZZZZZZZZZZZZZZ${String(++ids).padStart(2, "0")}`,
};

describe("what a report adds to the measurements", () => {
  it("is one for each candidate that ran, whether it went to the end or was beaten on the way", () => {
    const measured = measurementsOf(
      report(result(), result({ candidateId: "fp32 cpu 4", intraOpThreads: 4, outcome: "eliminated", runs: 64 })),
      context,
    );
    expect(measured).toMatchObject([
      { deviceId: "pi-1", deviceType: "raspberry-pi-4", macs: 77, intraOpThreads: 2, runs: 300, powerModeId: 2 },
      { intraOpThreads: 4, runs: 64, peakMemoryBytes: 1_000 },
    ]);
    expect(measured[0]).not.toHaveProperty("powerMilliwatts");
  });

  it("says which content it holds for, and how much that computes", () => {
    const pruned = { name: "fp32-pruned", kind: "fp32" as const };
    const measured = measurementsOf(
      report(result(), result({ candidateId: "fp32-pruned cpu 2", variant: pruned })),
      context,
    );
    expect(measured.map(({ macs, variant }) => [macs, variant.digest])).toEqual([
      [77, DIGEST],
      [50, OTHER],
    ]);
  });

  it("is dated by the control plane's clock", () => {
    expect(measurementsOf(report(result()), context)[0]?.measuredAt).toBe(1_000);
  });

  it.each<[string, Partial<TuningResult>]>([
    ["was refused", { outcome: "refused", runs: 0, p50Ms: null, p95Ms: null }],
    ["was never reached", { outcome: "not_reached", runs: 0, p50Ms: null, p95Ms: null }],
    ["has no time", { p50Ms: null, p95Ms: null }],
    ["took no time at all", { p50Ms: 0, p95Ms: 0 }],
    ["was not ordered and did not serve", { candidateId: "fp32 cpu 8" }],
    ["is another variant than its candidate", { variant: { name: "unknown", kind: "fp32" } }],
    ["ran on something that plans do not know", { executionProvider: "abacus" as never }],
  ])("leaves out what %s", (_what, changes) => {
    const { results, ...rest } = report(result());
    expect(measurementsOf({ ...rest, results: results.map((one) => ({ ...one, ...changes })) }, context)).toEqual([]);
  });
});
