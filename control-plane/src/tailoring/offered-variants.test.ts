import type { TailoringCandidate, TailoringPlan } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { OfferedVariant } from "../variants/index.js";
import { runnableCandidates, runtimeOf, toModelCard } from "./offered-variants.js";

const variant = (name: string, macs: number, accuracy: number | null): OfferedVariant =>
  ({
    variantId: `id-${name}`,
    digest: `digest-${name}`,
    name,
    kind: name.startsWith("fp32") ? "fp32" : name,
    bytes: 100,
    runtime: { sessionConfig: { "session.intra_op.allow_spinning": "0", shared: "variant" } },
    card: {
      accuracy: accuracy === null ? null : { accuracy, referenceAccuracy: 0.6 },
      cost: { macs, bytes: 90 },
      network: { family: "convolution", activationBytes: 5 },
    },
  }) as unknown as OfferedVariant;

const candidate = (name: string, changes: Partial<TailoringCandidate> = {}): TailoringCandidate =>
  ({
    variant: { name, kind: "fp32" },
    executionProvider: "cpu",
    adapter: "onnxruntime-node",
    intraOpThreads: 2,
    sessionConfig: { shared: "plan" },
    providerOptions: { a: "b" },
    ...changes,
  }) as unknown as TailoringCandidate;

describe("a model as planning sees it", () => {
  it("takes its arithmetic from fp32, and says where a variant has less", () => {
    const card = toModelCard("tiny", "1.0.0", [
      variant("int8-u8s8", 10, 0.5),
      variant("fp32", 10, null),
      variant("fp32-pruned", 7, 0.4),
    ]);
    expect(card).toEqual({
      model: "tiny",
      version: "1.0.0",
      family: "convolution",
      macs: 10,
      activationBytes: 5,
      variants: [
        {
          name: "int8-u8s8",
          kind: "int8-u8s8",
          digest: "digest-int8-u8s8",
          fileBytes: 100,
          accuracy: 0.5,
          referenceAccuracy: 0.6,
        },
        { name: "fp32", kind: "fp32", digest: "digest-fp32", fileBytes: 100 },
        {
          name: "fp32-pruned",
          kind: "fp32",
          digest: "digest-fp32-pruned",
          fileBytes: 100,
          accuracy: 0.4,
          referenceAccuracy: 0.6,
          macs: 7,
        },
      ],
    });
  });
});

describe("how a device runs a candidate", () => {
  it("is the variant's way, with what the plan says above it", () => {
    expect(runtimeOf(candidate("fp32"), variant("fp32", 1, null))).toEqual({
      adapter: "onnxruntime-node",
      executionProviders: ["cpu"],
      intraOpThreads: 2,
      graphOptimizationLevel: "all",
      sessionConfig: { "session.intra_op.allow_spinning": "0", shared: "plan" },
      providerOptions: { a: "b" },
    });
  });

  it("is only by the agent's own runtime, on a provider that the device reports", () => {
    const plan = {
      candidates: [
        candidate("fp32", { adapter: "triton" }),
        candidate("fp32", { executionProvider: "cuda" }),
        candidate("gone"),
        candidate("fp32", { intraOpThreads: 4 }),
        candidate("fp32"),
        candidate("fp32", { sessionConfig: { "session.intra_op.allow_spinning": "1" } }),
      ],
    } as unknown as TailoringPlan;
    const runnable = runnableCandidates(plan, [variant("fp32", 1, null)], ["cpu"]);
    expect(runnable.map(({ candidateId, variantId }) => [candidateId, variantId])).toEqual([
      ["fp32 cpu 4", "id-fp32"],
      ["fp32 cpu 2", "id-fp32"],
      ["fp32 cpu 2 spinning", "id-fp32"],
    ]);
    expect(runnable.at(-1)?.runtime.sessionConfig).toMatchObject({ "session.intra_op.allow_spinning": "1" });
  });
});
