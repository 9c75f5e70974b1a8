import { describe, expect, it } from "vitest";
import { sketchModel } from "../testing/build-graph.js";
import { classify, NO_CLASS } from "./run-outputs.js";

const model = sketchModel({
  outputs: ["least", "y"],
  nodes: [
    ["Identity", ["x"], ["y"]],
    ["Neg", ["x"], ["least"]],
  ],
});
const rows = (...values: number[]) => [{ x: { shape: [values.length / 4, 4], data: Float32Array.from(values) } }];

describe("the class that a model names", () => {
  it("is where the output that is asked for has its greatest value, whatever the order of the model's outputs", async () => {
    const samples = rows(1, 7, 2, 3, 9, 0, 9, 1);
    expect(await classify(model, samples, { output: "y" })).toEqual([1, 0]);
    expect(await classify(model, samples)).toEqual([0, 1]);
  });

  it("is none where a value is no number: such a sample is never right", async () => {
    const samples = rows(Number.NaN, 1, 2, 3, 0, 1, Number.NaN, 3, 0, 1, 2, 3);
    expect(await classify(model, samples, { output: "y" })).toEqual([NO_CLASS, NO_CLASS, 3]);
  });
});
