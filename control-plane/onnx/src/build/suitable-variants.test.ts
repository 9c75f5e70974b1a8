import { MODEL_FAMILIES } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { suitableVariants } from "./suitable-variants.js";

const STATIC = ["int8-u8s8", "int8-u8s8-reduced", "int8-s8s8", "int8-tensorrt"];

describe("the variants that are made where nobody says which", () => {
  it.each(MODEL_FAMILIES)(
    "of a %s network: fp16 always, static int8 only where samples are there, nothing pruned",
    (family) => {
      const without = suitableVariants(family, { calibration: false });
      const all = suitableVariants(family, { calibration: true });
      expect(without).toContain("fp16");
      expect(without.filter((name) => STATIC.includes(name))).toEqual([]);
      expect(all.filter((name) => STATIC.includes(name))).toEqual(STATIC);
      expect(all.filter((name) => !STATIC.includes(name))).toEqual(without);
      expect(all.filter((name) => name.endsWith("-pruned") || name === "fp32")).toEqual([]);
    },
  );

  it("leave out of convolutional networks what only pays for matrix products", () => {
    for (const family of ["convolution", "depthwise"] as const) {
      const names = suitableVariants(family, { calibration: true });
      expect(names.filter((name) => name.includes("dynamic") || name.includes("weight-only"))).toEqual([]);
    }
  });

  it("have 4-bit weights for transformers and language models only", () => {
    const families = MODEL_FAMILIES.filter((family) =>
      suitableVariants(family, { calibration: true }).includes("int4-weight-only"),
    );
    expect(families).toEqual(["transformer", "language_model"]);
  });
});
