import type { RuntimeSettings } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { judgeProbe } from "./judge-probe.js";

const runtime: RuntimeSettings = {
  adapter: "onnxruntime-node",
  executionProviders: ["cuda", "cpu"],
  intraOpThreads: 1,
  graphOptimizationLevel: "all",
  sessionConfig: {},
  providerOptions: {},
};
const good = {
  passed: true,
  goldenVectors: 8,
  largestAbsoluteError: 0,
  topOneAgreement: 1,
  medianLatencyMs: 2,
  executionProviders: ["CUDAExecutionProvider"],
};
const probe = { deadlineMs: 1000, soakMs: 0, maximumLatencyMs: 5 };

describe("the acceptance check", () => {
  it("passes what holds its golden vectors on the provider that was asked for", () => {
    expect(judgeProbe(good, runtime, probe)).toBeUndefined();
  });
  it("fails a silent fall-back to the CPU however right the numbers are", () => {
    expect(judgeProbe({ ...good, executionProviders: ["CPUExecutionProvider"] }, runtime, probe)?.code).toBe(
      "SRT_PROVIDER_UNAVAILABLE",
    );
  });
  it("fails golden vectors that do not hold", () => {
    expect(judgeProbe({ ...good, passed: false }, runtime, probe)?.code).toBe("SRT_PROBE_FAILED");
  });
  it("fails a model that is too slow on this device", () => {
    expect(judgeProbe({ ...good, medianLatencyMs: 6 }, runtime, probe)?.message).toContain("6.00 ms");
  });
});
