import type { DesiredState } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { orderedBundles } from "./ordered-bundles.js";

const state = (deployment: string | null, candidates: readonly string[]) =>
  ({
    deployment: deployment === null ? null : { rolloutId: "r1", bundle: { bundleId: deployment } },
    tuning: candidates.length === 0 ? null : { candidates: candidates.map((bundleId) => ({ bundle: { bundleId } })) },
  }) as unknown as DesiredState;

describe("the bundles of an order", () => {
  it("are none where the device shall do nothing", () => {
    expect(orderedBundles(state(null, []))).toEqual([]);
  });

  it("are named once each, however often they are measured", () => {
    expect(orderedBundles(state(null, ["b", "a", "b"]))).toEqual([
      { bundleId: "b", purpose: "candidate", rolloutId: null },
      { bundleId: "a", purpose: "candidate", rolloutId: null },
    ]);
  });

  it("are for installing where one is installed and measured", () => {
    expect(orderedBundles(state("a", ["a", "b"]))).toEqual([
      { bundleId: "a", purpose: "deployment", rolloutId: "r1" },
      { bundleId: "b", purpose: "candidate", rolloutId: null },
    ]);
  });
});
