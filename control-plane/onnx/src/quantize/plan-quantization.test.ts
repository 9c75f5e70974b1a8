import { describe, expect, it } from "vitest";
import { intOf } from "../graph/index.js";
import { type GraphSketch, ramp, sketchGraph } from "../testing/build-graph.js";
import { planQuantization } from "./plan-quantization.js";
import { STATIC_RECIPES, type StaticRecipeName } from "./recipe.js";

const image = { x: [-1, 3, 8, 8] };

function planOf(sketch: GraphSketch, recipe: StaticRecipeName = "u8s8", keep: string[] = []) {
  const plan = planQuantization(sketchGraph(sketch), STATIC_RECIPES[recipe], new Set(keep));
  return {
    ...plan,
    marked: plan.activations.map(({ value, like }) => (value === like ? value : `${value} like ${like}`)),
  };
}

/** Conv, Relu, MaxPool, a second Conv with a skip around it, mean, logits. */
const residual: GraphSketch = {
  inputs: image,
  constants: [ramp("w1", [4, 3, 3, 3]), ramp("w2", [4, 4, 1, 1]), ramp("b2", [4]), ramp("w3", [5, 4]), ramp("b3", [5])],
  nodes: [
    ["Conv", ["x", "w1"], ["c1"]],
    ["Relu", ["c1"], ["r1"]],
    ["MaxPool", ["r1"], ["p"]],
    ["Conv", ["p", "w2", "b2"], ["c2"]],
    ["Add", ["p", "c2"], ["s"]],
    ["Relu", ["s"], ["r2"]],
    ["GlobalAveragePool", ["r2"], ["g"]],
    ["Flatten", ["g"], ["f"]],
    ["Gemm", ["f", "w3", "b3"], ["l"], [intOf("transB", 1)]],
    ["Softmax", ["l"], ["y"]],
  ],
};

describe("where Q and DQ go", () => {
  it("lets Conv, Relu and Q fuse, pools share parameters, skips stay int8, and leaves logits and softmax in float", () => {
    const plan = planOf(residual);
    expect(plan.marked).toEqual(["x", "r1", "p like r1", "c2", "r2", "g", "f like g"]);
    expect(plan.vanishing.map(({ input }) => input[0])).toEqual(["c1", "s"]);
    expect(plan.layers.map(({ weight, axis }) => `${weight} ${axis}`)).toEqual(["w1 0", "w2 0", "w3 0"]);
  });

  it("keeps Relu where zero points are 0, and spends no range on what it cuts off", () => {
    const plan = planOf(residual, "s8s8-symmetric");
    expect(plan.vanishing).toEqual([]);
    expect(plan.marked).toContain("c1");
    expect(plan.rangeOf.get("c1")).toBe("r1");
  });

  it("quantizes only what layers read for TensorRT", () => {
    expect(planOf(residual, "tensorrt").marked).toEqual(["x", "p", "f"]);
  });

  it("rounds neither a layer that was asked to stay in float nor what only it reads", () => {
    const plan = planOf(residual, "u8s8", ["Gemm_l"]);
    expect(plan.layers).toHaveLength(2);
    expect(plan.marked).not.toContain("f like g");
    expect(plan.kept).toEqual([{ name: "Gemm_l", operator: "Gemm", reason: "asked for" }]);
  });

  it("keeps a Relu whose input somebody else reads, too", () => {
    const plan = planOf({
      inputs: image,
      constants: [ramp("w1", [4, 3, 3, 3]), ramp("w2", [4, 4, 1, 1])],
      nodes: [
        ["Conv", ["x", "w1"], ["c"]],
        ["Relu", ["c"], ["r"]],
        ["Add", ["c", "r"], ["s"]],
        ["Conv", ["s", "w2"], ["y"]],
      ],
    });
    expect(plan.vanishing).toEqual([]);
    expect(plan.marked).toEqual(["x", "c", "r", "s", "y"]);
  });

  it("leaves in float what cannot be quantized, and says why", () => {
    const plan = planOf({
      inputs: image,
      constants: [ramp("w1", [4, 3, 3, 3]), ramp("w2", [4, 2, 2, 2])],
      nodes: [
        ["Conv", ["x", "w1"], ["c"]],
        ["ConvTranspose", ["c", "w2"], ["t"]],
        ["Relu", ["x"], ["computed"]],
        ["Conv", ["x", "computed"], ["u"]],
        ["Sum", ["t", "u"], ["y"]],
      ],
    });
    expect(plan.kept).toEqual([
      expect.objectContaining({ operator: "ConvTranspose", reason: "the CPU provider has no int8 kernel for it" }),
      expect.objectContaining({ operator: "Conv", reason: "its weights are not constant" }),
    ]);
  });

  it("takes channel 1 of a ConvTranspose and of a MatMul as output", () => {
    const plan = planOf(
      {
        inputs: image,
        constants: [ramp("w1", [3, 4, 2, 2]), ramp("w2", [8, 2])],
        nodes: [
          ["ConvTranspose", ["x", "w1"], ["t"]],
          ["MatMul", ["t", "w2"], ["y"]],
        ],
      },
      "tensorrt",
    );
    expect(plan.layers.map(({ axis }) => axis)).toEqual([1, 1]);
  });

  it("refuses a model that is quantized already, and one without layers", () => {
    const quantized: GraphSketch = { nodes: [["DequantizeLinear", ["x", "s"], ["y"]]] };
    expect(() => planOf(quantized)).toThrow(expect.objectContaining({ code: "SRT_QUANTIZE_UNSUPPORTED" }));
    expect(() => planOf({ nodes: [["Relu", ["x"], ["y"]]] })).toThrow(
      expect.objectContaining({ code: "SRT_QUANTIZE_NOTHING" }),
    );
  });
});
