import { variantBuildRequestSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { inputsOf, outcomeOf } from "./build-outcome.js";
import type { StoredBuild, StoredStep } from "./stored-build.js";

const made: StoredStep = { name: "fp16", status: "succeeded", variantId: "A", error: null };
const refused = (code: "SRT_QUANTIZE_INACCURATE" | "SRT_PRUNE_INACCURATE" | "SRT_QUANTIZE_NOTHING"): StoredStep => ({
  name: "int8-u8s8",
  status: "failed",
  variantId: null,
  error: { code, message: "because" },
});

describe("a build whose variants were all tried", () => {
  it("has succeeded when each was made or refused for its accuracy", () => {
    const steps = [made, refused("SRT_QUANTIZE_INACCURATE"), refused("SRT_PRUNE_INACCURATE")];
    expect(outcomeOf(steps)).toEqual({ status: "succeeded", error: null });
  });

  it("has failed when one could not be made, and says which and why", () => {
    const { status, error } = outcomeOf([made, refused("SRT_QUANTIZE_NOTHING")]);
    expect(status).toBe("failed");
    expect(error).toEqual({
      code: "SRT_QUANTIZE_NOTHING",
      message: "1 of 2 variants could not be made: int8-u8s8 (SRT_QUANTIZE_NOTHING). Each says why.",
    });
  });
});

describe("what a variant is made from", () => {
  const { variants: _, calibration: __, evaluation: ___, ...order } = variantBuildRequestSchema.parse({});
  const dataset = (digest: string) => ({ datasetId: "D", name: "field", digest, samples: 3 });
  const build: Pick<StoredBuild, "order" | "calibration" | "evaluation"> = {
    order: { ...order, variants: ["int8-u8s8"] },
    calibration: dataset("sha256:1"),
    evaluation: null,
  };
  const inputs = (changes: Partial<typeof build>, name: "int8-u8s8" | "int8-u8s8-pruned" = "int8-u8s8") =>
    inputsOf({ ...build, ...changes }, name, "sartor 1");

  it("is the same when the same samples are uploaded under another name", () => {
    expect(inputs({ calibration: { ...dataset("sha256:1"), name: "other", datasetId: "E" } })).toBe(inputs({}));
  });

  it("is something else with other samples, another policy or another release", () => {
    const all = [
      inputs({}),
      inputs({ calibration: dataset("sha256:2") }),
      inputs({ evaluation: dataset("sha256:1"), calibration: null }),
      inputs({ order: { ...build.order, equalise: false } }),
      inputs({ order: { ...build.order, accuracy: { ...build.order.accuracy, maximumLoss: 0.1 } } }),
      inputsOf(build, "int8-u8s8", "sartor 2"),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it("counts the share of pruned channels for pruned variants only", () => {
    const pruned = { order: { ...build.order, pruning: { share: 0.5 } } };
    expect(inputs(pruned)).toBe(inputs({}));
    expect(inputs(pruned, "int8-u8s8-pruned")).not.toBe(inputs({}, "int8-u8s8-pruned"));
  });
});
