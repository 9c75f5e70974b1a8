import type { RuntimeSettings, TuningReport } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { OrderedCandidate, StoredTuning } from "../tailoring/index.js";
import { type FollowUpContext, followUpOf } from "./tuning-follow-up.js";

const runtimeWith = (intraOpThreads: number): RuntimeSettings => ({
  adapter: "onnxruntime-node",
  executionProviders: ["cpu"],
  intraOpThreads,
  graphOptimizationLevel: "all",
  sessionConfig: {},
  providerOptions: {},
});

const candidate = (name: string, threads: number) =>
  ({
    candidateId: `${name} cpu ${threads}`,
    variantId: `variant-${name}`,
    runtime: runtimeWith(threads),
    candidate: {
      variant: { name, kind: "fp32" },
      executionProvider: "cpu",
      intraOpThreads: threads,
      predicted: { latencyMs: { low: 1, typical: 2, high: 3 } },
    },
  }) as unknown as OrderedCandidate;

const report = (changes: Partial<TuningReport> = {}): TuningReport =>
  ({
    verdict: { decision: "switch", candidateId: "int8 cpu 2", gain: null, reason: "it takes half the time" },
    incumbent: { bundleId: "bundle-fp32", variant: "fp32", candidateId: "fp32 cpu 1" },
    results: [{ candidateId: "int8 cpu 2", p50Ms: 0.5 }],
    ...changes,
  }) as unknown as TuningReport;

const tuning = (changes: Partial<StoredTuning> = {}): StoredTuning =>
  ({
    tuningId: "05",
    originId: null,
    candidates: [candidate("fp32", 1), candidate("int8", 2)],
    report: report(),
    ...changes,
  }) as unknown as StoredTuning;

const context = (changes: Partial<FollowUpContext> = {}): FollowUpContext => ({
  followed: { bundleId: "bundle-fp32", status: "succeeded", runtime: runtimeWith(1) },
  newest: { rolloutId: "04" },
  newestTuning: { tuningId: "05" },
  bundleOf: (variantId) => variantId.replace("variant", "bundle"),
  ...changes,
});

describe("a verdict that says switch", () => {
  it("installs exactly its candidate, and says what was measured", () => {
    expect(followUpOf(tuning(), context())).toEqual({
      choice: {
        bundleId: "bundle-int8",
        runtime: runtimeWith(2),
        tailoring: {
          variant: "int8",
          executionProvider: "cpu",
          intraOpThreads: 2,
          basis: "measured",
          latencyMs: 0.5,
          reasons: ["it takes half the time"],
        },
      },
    });
  });

  it("changes only the settings where the bundle is the same", () => {
    const verdict = { decision: "switch", candidateId: "fp32 cpu 4", gain: null, reason: "faster" } as const;
    const four = tuning({
      candidates: [candidate("fp32", 1), candidate("fp32", 4)],
      report: report({ verdict, results: [] }),
    });
    expect(followUpOf(four, context())).toMatchObject({ choice: { bundleId: "bundle-fp32", runtime: runtimeWith(4) } });
  });

  it.each<[string, Partial<StoredTuning>, Partial<FollowUpContext>, RegExp]>([
    ["something newer was ordered", {}, { newest: { rolloutId: "09" } }, /ordered later/],
    [
      "something newer is under way",
      {},
      { followed: { bundleId: "bundle-fp32", status: "in_progress", runtime: null } },
      /under way/,
    ],
    [
      "the device is told to serve something else than what it was compared with",
      {},
      { followed: { bundleId: "bundle-other", status: "succeeded", runtime: null } },
      /something else/,
    ],
    ["nobody knows its candidate", { candidates: [candidate("fp32", 1)] }, {}, /not among/],
    ["its variant was built anew", {}, { bundleOf: () => undefined }, /built anew/],
    ["a newer tuning is there", {}, { newestTuning: { tuningId: "06" } }, /tuning 06 came later/],
    ["the device is told to run it already", {}, {}, /already/],
    ["it says nothing", { report: report({ verdict: null }) }, {}, /does not say switch/],
  ])("is left alone where %s", (what, changes, given, reason) => {
    const already = what.includes("already");
    const followed = already
      ? ({ bundleId: "bundle-int8", status: "succeeded", runtime: runtimeWith(2) } as const)
      : context().followed;
    const asked = tuning({
      ...(already ? { report: report({ incumbent: null }) } : {}),
      ...changes,
    });
    const outcome = followUpOf(asked, context({ followed, ...given }));
    expect("skipped" in outcome && outcome.skipped).toMatch(reason);
  });

  it("of a tuning that the device did again by itself stands although its first one led to a rollout", () => {
    const again = tuning({ tuningId: "08", originId: "05" });
    const given = context({ newest: { rolloutId: "09" }, newestTuning: { tuningId: "08" } });
    expect(followUpOf(again, given)).toHaveProperty("choice");
  });
});

describe("a verdict that held back", () => {
  const verdict = { decision: "hold", candidateId: "int8 cpu 2", gain: null, reason: "too recent" } as const;
  const held = (changes: Partial<StoredTuning> = {}) => tuning({ report: report({ verdict }), ...changes });

  it("is measured again once its time is over, without what was built anew since", () => {
    expect(followUpOf(held(), context())).toEqual({ again: held().candidates });
    const bundleOf = (variantId: string) => (variantId === "variant-int8" ? "bundle-int8" : undefined);
    expect(followUpOf(held(), context({ bundleOf }))).toEqual({ again: held().candidates.slice(1) });
  });

  it.each<[string, Partial<StoredTuning>, Partial<FollowUpContext>]>([
    ["a rollout was ordered since", {}, { newest: { rolloutId: "06" } }],
    ["one was ordered since the device did it again by itself", { originId: "02" }, { newest: { rolloutId: "06" } }],
    ["the device measured since", {}, { newestTuning: { tuningId: "06" } }],
    ["what was faster was built anew", {}, { bundleOf: () => undefined }],
    [
      "the device is told to serve something else",
      {},
      { followed: { bundleId: "bundle-other", status: "succeeded", runtime: null } },
    ],
  ])("is left alone where %s", (_what, changes, given) => {
    expect(followUpOf(held(changes), context(given))).toHaveProperty("skipped");
  });
});
