import { describe, expect, it } from "vitest";
import { EditableGraph, ELEMENT, makeTensor, readFloats } from "../graph/index.js";
import { type GraphSketch, ramp, sketchModel } from "../testing/build-graph.js";
import { equaliseLayers } from "./equalise-layers.js";

const WIDE = 3;

/** Two dense layers with a Relu in between; the first has channels of very different size. */
function dense(bias: readonly number[]): GraphSketch {
  const weight = Float32Array.from({ length: 4 * WIDE }, (_, index) => (index % 5) - 2 + 10 ** (index % WIDE));
  return {
    constants: [
      makeTensor("w1", ELEMENT.float, [4, WIDE], weight),
      makeTensor("b1", ELEMENT.float, [bias.length], Float32Array.from(bias)),
      ramp("w2", [WIDE, 2]),
    ],
    nodes: [
      ["Gemm", ["x", "w1", "b1"], ["h"]],
      ["Relu", ["h"], ["r"]],
      ["Gemm", ["r", "w2"], ["y"]],
    ],
  };
}

/** What the two layers compute, in float64, with a bias of one value as Gemm takes it: for every channel. */
function compute(model: Uint8Array, x: readonly number[]): number[] {
  const graph = EditableGraph.decode(model);
  const constant = (name: string) => {
    const tensor = graph.initializer(name);
    if (tensor === undefined) throw new Error(`no ${name}`);
    return readFloats(tensor);
  };
  const [w1, b1, w2] = [constant("w1"), constant("b1"), constant("w2")];
  const hidden = Array.from({ length: WIDE }, (_, channel) => {
    const bias = b1[b1.length === 1 ? 0 : channel] ?? 0;
    return Math.max(
      0,
      x.reduce((sum, value, row) => sum + value * (w1[row * WIDE + channel] ?? 0), bias),
    );
  });
  return [0, 1].map((at) => hidden.reduce((sum, value, channel) => sum + value * (w2[channel * 2 + at] ?? 0), 0));
}

describe("cross-layer equalisation", () => {
  it.each([
    ["one value a channel", [1, -2, 3]],
    ["one value for all channels", [2]],
  ])("computes the same, with a bias of %s", (_, bias) => {
    const model = sketchModel(dense(bias));
    const equalised = equaliseLayers(model).model;
    for (const x of [
      [1, 0.5, -0.25, 2],
      [-1, 3, 0.125, 0.5],
      [0, 0, 0, 0],
    ]) {
      const [wanted, got] = [compute(model, x), compute(equalised, x)];
      for (const [index, value] of wanted.entries()) {
        expect(Math.abs((got[index] ?? Number.NaN) - value)).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)));
      }
    }
  });

  it("evens out what it can, and leaves a bias alone that every channel would need differently", () => {
    expect(equaliseLayers(sketchModel(dense([1, -2, 3]))).pairs).toBe(1);
    expect(equaliseLayers(sketchModel(dense([2]))).pairs).toBe(0);
  });
});
