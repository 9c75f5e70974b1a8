import { describeNetwork, type EditableGraph, ELEMENT, intsOf, makeTensor } from "@sartor/onnx";
import { describe, expect, it } from "vitest";
import { buildMobileNetV2, buildResNet18, drawImages, emptyGraph } from "../quantization/networks.js";
import { seededRandom } from "../support/tiny-model.js";

const feeds = (side: number) => ({ image: { shape: [1, 3, side, side], data: drawImages(1, side, 1) } });

/** One head of attention over 12 tokens of 32 values, and a feed-forward part; without attention just the latter. */
function tokens(attention: boolean): Uint8Array {
  const random = seededRandom(3);
  const graph: EditableGraph = emptyGraph(["batch", 12, 32], ["batch", 12, 32]);
  const weight = (name: string) => {
    const values = Float32Array.from({ length: 32 * 32 }, () => random() - 0.5);
    graph.addInitializer(makeTensor(name, ELEMENT.float, [32, 32], values));
    return name;
  };
  const product = (a: string, b: string, output: string) =>
    graph.addNode({ opType: "MatMul", inputs: [a, b], outputs: [output] });
  let at = "image";
  if (attention) {
    for (const name of ["q", "k", "v"]) product("image", weight(`w${name}`), name);
    graph.addNode({ opType: "Transpose", inputs: ["k"], outputs: ["kt"], attributes: [intsOf("perm", [0, 2, 1])] });
    product("q", "kt", "scores");
    graph.addNode({ opType: "Softmax", inputs: ["scores"], outputs: ["shares"] });
    product("shares", "v", "mixed");
    at = "mixed";
  }
  product(at, weight("wf"), "logits");
  return graph.encode();
}

describe("what a network is made of", () => {
  it("is told by where its multiply-accumulates lie", async () => {
    expect((await describeNetwork(buildResNet18(32, 8, 10), feeds(32))).family).toBe("convolution");
    expect((await describeNetwork(buildMobileNetV2(64, 0.5, 10), feeds(64))).family).toBe("depthwise");
    const sequence = { image: { shape: [1, 12, 32], data: new Float32Array(12 * 32).fill(0.1) } };
    const transformer = await describeNetwork(tokens(true), sequence);
    expect([transformer.family, transformer.macs]).toEqual(["transformer", 4 * 12 * 32 * 32 + 2 * 12 * 12 * 32]);
    expect((await describeNetwork(tokens(false), sequence)).family).toBe("other");
  });

  it("holds so much memory at once as its largest neighbouring values take, whatever the batch", async () => {
    const model = tokens(false);
    const one = { image: { shape: [1, 12, 32], data: new Float32Array(12 * 32) } };
    const four = { image: { shape: [4, 12, 32], data: new Float32Array(4 * 12 * 32) } };
    expect((await describeNetwork(model, one)).activationBytes).toBe(2 * 12 * 32 * 4);
    expect((await describeNetwork(model, four)).activationBytes).toBe(2 * 12 * 32 * 4);
  });
});
