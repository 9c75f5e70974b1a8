import { tuningOrderSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { StoredTuning } from "../tailoring/index.js";
import { tuningOrderOf } from "./tuning-order.js";

const runtime = {
  adapter: "onnxruntime-node",
  executionProviders: ["cpu"],
  intraOpThreads: 2,
  graphOptimizationLevel: "all",
  sessionConfig: {},
  providerOptions: {},
};
const bundle = { bundleId: `sha256:${"a".repeat(64)}`, manifestBytes: 10 };

const tuning = (status: StoredTuning["status"]): StoredTuning =>
  ({
    tuningId: "01HZZZZZZZZZZZZZZZZZZZZZZZ",
    model: "tiny",
    version: "1.0.0",
    status,
    candidates: [
      {
        candidateId: "fp32 cpu 2",
        variantId: "v1",
        runtime,
        candidate: { variant: { name: "fp32", kind: "fp32" }, executionProvider: "cpu", intraOpThreads: 2 },
      },
    ],
    budget: { seconds: 60, maximumCpuShare: 0.5 },
    rules: { minimumGain: 0.05, hysteresisMs: 1 },
  }) as unknown as StoredTuning;

const same = { model: "tiny", version: "1.0.0" };
const newer = { model: "tiny", version: "2.0.0" };

describe("what a device is told to measure", () => {
  it("names the candidates with their bundles and settings", () => {
    const order = tuningOrderOf(tuning("queued"), same, () => bundle);
    expect(tuningOrderSchema.parse(order)).toMatchObject({
      candidates: [{ candidateId: "fp32 cpu 2", bundle, executionProvider: "cpu", runtime }],
      budget: { seconds: 60 },
    });
  });

  it("stays after it was measured, in the same words, as long as the device serves that version", () => {
    const before = tuningOrderOf(tuning("in_progress"), same, () => bundle);
    expect(tuningOrderOf(tuning("succeeded"), same, () => bundle)).toEqual(before);
    expect(tuningOrderOf(tuning("succeeded"), newer, () => bundle)).toBeNull();
    expect(tuningOrderOf(tuning("succeeded"), undefined, () => bundle)).toBeNull();
  });

  it("may be another version than the one that it serves", () => {
    expect(tuningOrderOf(tuning("queued"), newer, () => bundle)).not.toBeNull();
  });

  it("is not said any more when it was measured and a variant of it was removed since", () => {
    expect(tuningOrderOf(tuning("succeeded"), same, () => undefined)).toBeNull();
  });

  it("is not said before all bundles are known", () => {
    expect(tuningOrderOf(tuning("queued"), same, () => undefined)).toBeUndefined();
  });
});
