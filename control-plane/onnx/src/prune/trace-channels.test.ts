import { describe, expect, it } from "vitest";
import { ELEMENT, intOf, intsOf, makeTensor } from "../graph/index.js";
import { type GraphSketch, type NodeSketch, ramp, sketchGraph } from "../testing/build-graph.js";
import { traceChannels } from "./trace-channels.js";

const planes = { x: [-1, 3, 8, 8] };
const conv = (input: string, weight: string, output: string): NodeSketch => ["Conv", [input, weight], [output]];
const dense: NodeSketch = ["Gemm", ["features", "w9"], ["y"]];
const pooled = (input: string): NodeSketch[] => [
  ["GlobalAveragePool", [input], ["pooled"]],
  ["Flatten", ["pooled"], ["features"]],
  dense,
];

/** Groups of convolutions, by their outputs, that may lose channels; those of one group lose the same. */
function prunable(sketch: Omit<GraphSketch, "inputs">): string[][] {
  const context = traceChannels(sketchGraph({ inputs: planes, ...sketch }));
  const groups = new Map<number, string[]>();
  for (const { node, space } of context.producers) {
    if (context.spaces.isBlocked(space)) continue;
    const group = context.spaces.groupOf(space);
    groups.set(group, [...(groups.get(group) ?? []), node.output[0] ?? ""]);
  }
  return [...groups.values()];
}

const w1 = ramp("w1", [16, 3, 3, 3]);
const w2 = ramp("w2", [16, 16, 1, 1]);
const w9 = ramp("w9", [16, 5]);

describe("which convolutions may lose channels", () => {
  it("are those whose channels reach layers that can be cut, and those that meet in an Add lose the same", () => {
    const nodes = [
      conv("x", "w1", "a"),
      ["Relu", ["a"], ["r"]] as const,
      conv("r", "w2", "b"),
      ["Add", ["r", "b"], ["s"]] as const,
      ...pooled("s"),
    ];
    expect(prunable({ constants: [w1, w2, w9], nodes })).toEqual([["a", "b"]]);
  });

  it("are none behind an operator that mixes channels", () => {
    const nodes = [conv("x", "w1", "a"), ["LRN", ["a"], ["n"], [intOf("size", 3)]] as const, ...pooled("n")];
    expect(prunable({ constants: [w1, w9], nodes })).toEqual([]);
    const moved = ["Transpose", ["a"], ["n"], [intsOf("perm", [0, 3, 2, 1])]] as const;
    expect(prunable({ constants: [w1, w9], nodes: [conv("x", "w1", "a"), moved, ...pooled("n")] })).toEqual([]);
  });

  it("are none where the graph gives their channels out", () => {
    const nodes = [conv("x", "w1", "a"), ["Relu", ["a"], ["r"]] as const, ...pooled("r")];
    expect(prunable({ constants: [w1, w9], nodes, outputs: ["y", "r"] })).toEqual([]);
    expect(prunable({ constants: [w1, w9], nodes })).toEqual([["a"]]);
  });

  it("are none whose weights others read, and none that such a layer reads", () => {
    const nodes = [conv("x", "w1", "a"), conv("a", "w2", "b"), conv("b", "w2", "c"), ...pooled("c")];
    expect(prunable({ constants: [w1, w2, w9], nodes })).toEqual([]);
  });

  it("are none before a convolution in groups, but are before a depthwise one", () => {
    const nodes = (group: number): NodeSketch[] => [
      conv("x", "w1", "a"),
      ["Conv", ["a", "w2"], ["b"], [intOf("group", group)]],
      ...pooled("b"),
    ];
    expect(prunable({ constants: [w1, ramp("w2", [16, 4, 1, 1]), w9], nodes: nodes(4) })).toEqual([]);
    expect(prunable({ constants: [w1, ramp("w2", [16, 1, 1, 1]), w9], nodes: nodes(16) })).toEqual([["a"]]);
  });

  it("are none where a reshape might fold samples together", () => {
    const shape = (values: number[]) =>
      makeTensor("shape", ELEMENT.int64, [values.length], BigInt64Array.from(values, BigInt));
    const nodes = [conv("x", "w1", "a"), ["Reshape", ["a", "shape"], ["features"]] as const, dense];
    const wide = ramp("w9", [16 * 36, 5]);
    expect(prunable({ constants: [w1, wide, shape([0, -1])], nodes })).toEqual([["a"]]);
    expect(prunable({ constants: [w1, wide, shape([-1, 16 * 36])], nodes })).toEqual([]);
    expect(prunable({ constants: [w1, wide, shape([1, -1])], nodes })).toEqual([]);
  });

  it("are none where what follows has another number of channels than they", () => {
    const nodes = [conv("x", "w1", "a"), ["Flatten", ["a"], ["features"]] as const, dense];
    expect(prunable({ constants: [w1, ramp("w9", [500, 5])], nodes })).toEqual([]);
    expect(prunable({ constants: [w1, ramp("w9", [16 * 36, 5])], nodes })).toEqual([["a"]]);
  });
});
