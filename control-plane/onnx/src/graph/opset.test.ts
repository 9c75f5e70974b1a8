import { describe, expect, it } from "vitest";
import { ramp, sketchGraph } from "../testing/build-graph.js";
import { floatOf, intsOf } from "./attributes.js";
import { requireOpset13 } from "./opset.js";
import { readTensor } from "./tensor-data.js";

describe("operator sets", () => {
  it("are raised to 13 where every operator means the same there", () => {
    const graph = sketchGraph({
      opset: 9,
      irVersion: 3,
      constants: [ramp("w", [4, 3])],
      nodes: [
        ["MatMul", ["x", "w"], ["a"]],
        ["Relu", ["a"], ["y"]],
      ],
    });
    requireOpset13(graph);
    expect(graph.opset()).toBe(13);
  });

  it("are left alone from 13 on", () => {
    const graph = sketchGraph({ opset: 17, nodes: [["Softmax", ["x"], ["y"]]] });
    requireOpset13(graph);
    expect(graph.opset()).toBe(17);
  });

  it("are refused where an operator changed its meaning and cannot be rewritten, by its name", () => {
    const upsample = sketchGraph({ opset: 9, nodes: [["Upsample", ["x"], ["y"]]] });
    expect(() => requireOpset13(upsample)).toThrow(expect.objectContaining({ code: "SRT_QUANTIZE_OPSET" }));
    expect(() => requireOpset13(upsample)).toThrow(/Upsample/);
    expect(upsample.opset()).toBe(9);
    const ancient = sketchGraph({ opset: 6, nodes: [["Relu", ["x"], ["y"]]] });
    expect(() => requireOpset13(ancient)).toThrow(/Relu/);
  });

  it("turn attributes that became inputs into constants", () => {
    const graph = sketchGraph({
      opset: 9,
      nodes: [
        ["Clip", ["x"], ["a"], [floatOf("min", 0), floatOf("max", 6)]],
        ["Slice", ["a"], ["b"], [intsOf("axes", [1]), intsOf("starts", [0]), intsOf("ends", [2])]],
        ["Unsqueeze", ["b"], ["y"], [intsOf("axes", [0])]],
      ],
    });
    requireOpset13(graph);
    const values = (name: string) =>
      graph
        .producer(name)
        ?.input.slice(1)
        .map((input) => {
          const tensor = graph.initializer(input);
          return tensor === undefined ? input : Array.from(readTensor(tensor) as ArrayLike<number | bigint>, Number);
        });
    expect([values("a"), values("b"), values("y")]).toEqual([[[0], [6]], [[0], [2], [1]], [[0]]]);
    expect(graph.nodes.every(({ attribute }) => attribute.length === 0)).toBe(true);
  });
});
