import { describe, expect, it } from "vitest";
import { EditableGraph, ELEMENT, fromHalf, makeTensor, readTensor } from "../graph/index.js";
import { type GraphSketch, ramp, sketchModel } from "../testing/build-graph.js";
import { convertToHalf } from "./convert-to-half.js";

/** Scores of attention: what the mask forbids is minus infinity before the softmax. */
function masked(mask: readonly number[], bias = 0): GraphSketch {
  return {
    constants: [
      ramp("w", [4, 4]),
      makeTensor("b", ELEMENT.float, [4], new Float32Array(4).fill(bias)),
      makeTensor("mask", ELEMENT.float, [4], Float32Array.from(mask)),
    ],
    nodes: [
      ["Gemm", ["x", "w", "b"], ["scores"]],
      ["Add", ["scores", "mask"], ["kept"]],
      ["Softmax", ["kept"], ["y"]],
    ],
  };
}

describe("float16", () => {
  it("takes an infinite mask as it is meant: float16 has infinities of its own", () => {
    const { model, kept } = convertToHalf(
      sketchModel(masked([0, Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY])),
    );
    expect(kept).toEqual([]);
    const tensor = EditableGraph.decode(model).initializers.find(({ name }) => name.startsWith("mask"));
    if (tensor === undefined) throw new Error("no mask");
    expect(tensor.dataType).toBe(ELEMENT.float16);
    expect(Array.from(readTensor(tensor) as Uint16Array, fromHalf)).toEqual([0, -Infinity, 0, -Infinity]);
  });

  it("keeps a node in fp32 whose mask is finite and larger than float16 can say", () => {
    const { kept } = convertToHalf(sketchModel(masked([0, -3.4e38, 0, 0])));
    expect(kept.map(({ operator }) => operator)).toEqual(["Add"]);
  });

  it("refuses infinite weights and biases, and whatever is no number", () => {
    const refused = expect.objectContaining({ code: "SRT_QUANTIZE_NOT_FINITE" });
    expect(() => convertToHalf(sketchModel(masked([0, 0, 0, 0], Number.POSITIVE_INFINITY)))).toThrow(refused);
    expect(() => convertToHalf(sketchModel(masked([0, Number.NaN, 0, 0])))).toThrow(refused);
  });
});
