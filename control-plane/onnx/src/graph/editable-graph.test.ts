import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NodeSketch, ramp, sketchGraph, sketchModel } from "../testing/build-graph.js";
import { EditableGraph } from "./editable-graph.js";

const chain = {
  nodes: [
    ["Relu", ["x"], ["a"]],
    ["Sigmoid", ["a"], ["b"]],
    ["Add", ["a", "b"], ["y"]],
  ] satisfies NodeSketch[],
};

describe("an editable graph", () => {
  it("knows who produces and who reads a value, also after changes", () => {
    const graph = sketchGraph(chain);
    expect(graph.producer("a")?.opType).toBe("Relu");
    expect(graph.consumers("a").map(({ opType }) => opType)).toEqual(["Sigmoid", "Add"]);
    const [sigmoid, add] = graph.consumers("a");
    if (sigmoid === undefined || add === undefined) throw new Error("no readers");
    graph.rewireInput(add, "a", "x");
    expect(graph.hasOneReader("a")).toBe(true);
    graph.removeNode(sigmoid);
    graph.addNode({ opType: "Tanh", inputs: ["a"], outputs: ["b"] });
    expect(graph.producer("b")?.opType).toBe("Tanh");
    expect(graph.sorted().map(({ opType }) => opType)).toEqual(["Relu", "Tanh", "Add"]);
  });

  it("writes the same bytes for the same changes, and reads back what it wrote", () => {
    const change = () => {
      const graph = sketchGraph({ ...chain, constants: [ramp("unused", [3]), ramp("w", [4])] });
      const add = graph.producer("y");
      if (add !== undefined) graph.rewireInput(add, "b", "w");
      return graph.encode();
    };
    const bytes = change();
    expect(Buffer.compare(bytes, change())).toBe(0);
    const again = EditableGraph.decode(bytes);
    expect(again.initializers.map(({ name }) => name)).toEqual(["w"]);
    expect(Buffer.compare(again.encode(), bytes)).toBe(0);
  });

  it("gives every node a name of its own and never a name twice", () => {
    const graph = sketchGraph(chain);
    expect(new Set(graph.nodes.map(({ name }) => name)).size).toBe(3);
    expect([graph.uniqueName("a"), graph.uniqueName("a"), graph.uniqueName("fresh")]).toEqual(["a_2", "a_3", "fresh"]);
  });

  it("treats defaults of inputs as constants, as devices never override them", () => {
    const graph = sketchGraph({ ...chain, inputs: { x: [-1, 4], w: [4] }, constants: [ramp("w", [4])] });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("puts nodes in an order that runs, however they were listed", () => {
    const nodes = Array.from({ length: 12 }, (_, index): NodeSketch => {
      const inputs =
        index === 0 ? ["x"] : [`v${Math.floor(index / 2)}`, `v${index - 1 - (index > 3 ? 1 : 0)}`].slice(0, 2);
      return [
        "Sum",
        inputs.map((name) => (name === "v0" || name.includes("-") ? "x" : name)),
        [index === 11 ? "y" : `v${index}`],
      ];
    });
    fc.assert(
      fc.property(fc.shuffledSubarray(nodes, { minLength: nodes.length }), (shuffled) => {
        const known = new Set(["x"]);
        for (const { input, output } of EditableGraph.decode(sketchGraph({ nodes: shuffled }).encode()).nodes) {
          for (const name of input) expect(known).toContain(name);
          for (const name of output) known.add(name);
        }
      }),
    );
  });

  it("refuses a cycle and a value from nowhere instead of writing them", () => {
    const cycle = sketchGraph({
      nodes: [
        ["Add", ["x", "b"], ["a"]],
        ["Relu", ["a"], ["b"]],
        ["Relu", ["b"], ["y"]],
      ],
    });
    expect(() => cycle.encode()).toThrow(expect.objectContaining({ code: "SRT_MODEL_NOT_ONNX" }));
    const nowhere = sketchGraph({ nodes: [["Add", ["x", "ghost"], ["y"]]] });
    expect(() => nowhere.encode()).toThrow(/ghost/);
  });

  it("refuses a file that was cut off, at any place", () => {
    const whole = sketchModel({ ...chain, constants: [ramp("w", [64])] });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: whole.byteLength - 1 }), (length) => {
        let message = "";
        try {
          // A cut between two fields leaves a shorter, well-formed protobuf; then something is missing instead.
          EditableGraph.decode(whole.slice(0, length)).encode();
        } catch (thrown) {
          message = (thrown as { code?: string }).code ?? String(thrown);
        }
        expect(["", "SRT_MODEL_NOT_ONNX"]).toContain(message);
      }),
    );
  });

  it("infers which values are float without running the model", () => {
    const graph = sketchGraph({
      nodes: [
        ["Shape", ["x"], ["shape"]],
        ["Gather", ["x", "index"], ["row"]],
        ["Greater", ["row", "row"], ["mask"]],
        ["Where", ["mask", "row", "row"], ["y"]],
      ],
    });
    const types = graph.elementTypes();
    expect([types.get("shape"), types.get("row"), types.get("mask")]).toEqual([7, 1, 9]);
  });
});
