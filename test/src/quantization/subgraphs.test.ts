import { create } from "@bufbuild/protobuf";
import {
  calibrateModel,
  chooseRanges,
  compareOutputs,
  convertToHalf,
  ELEMENT,
  intsOf,
  makeTensor,
  quantizeStatic,
  STATIC_RECIPES,
} from "@sartor/onnx";
import * as onnx from "onnx-buf";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../support/tiny-model.js";
import { drawImages, emptyGraph, valueInfo } from "./networks.js";
import { batches } from "./samples.js";

const SIDE = 16;

/** Conv and Relu, then an If whose branches read the Relu's value from outside, as voice detectors and detectors with loops do. */
function withIf(): Uint8Array {
  const random = seededRandom(3);
  const graph = emptyGraph(["batch", 3, SIDE, SIDE], ["batch", 6]);
  const draw = (name: string, shape: number[]) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5);
    graph.addInitializer(makeTensor(name, ELEMENT.float, shape, data));
    return name;
  };
  graph.addNode({
    opType: "Conv",
    inputs: ["image", draw("w", [6, 3, 3, 3])],
    outputs: ["c"],
    attributes: [intsOf("pads", [1, 1, 1, 1])],
  });
  graph.addNode({ opType: "Relu", inputs: ["c"], outputs: ["r"] });
  graph.addNode({ opType: "GlobalAveragePool", inputs: ["r"], outputs: ["g"] });
  graph.addNode({ opType: "Flatten", inputs: ["g"], outputs: ["f"] });
  graph.addInitializer(makeTensor("zero", ELEMENT.float, [], Float32Array.of(0)));
  graph.addNode({ opType: "ReduceMax", inputs: ["f"], outputs: ["most"], attributes: [intsOf("axes", [0, 1])] });
  graph.addNode({ opType: "Squeeze", inputs: ["most"], outputs: ["scalar"] });
  graph.addNode({ opType: "Greater", inputs: ["scalar", "zero"], outputs: ["condition"] });
  const branch = (name: string, opType: string) =>
    create(onnx.AttributeProtoSchema, {
      name,
      type: onnx.AttributeProto_AttributeType.GRAPH,
      g: create(onnx.GraphProtoSchema, {
        name,
        node: [create(onnx.NodeProtoSchema, { opType, input: ["f"], output: [`${name}_out`] })],
        output: [valueInfo(`${name}_out`, ["batch", 6])],
      }),
    });
  graph.addNode({
    opType: "If",
    inputs: ["condition"],
    outputs: ["logits"],
    attributes: [branch("then_branch", "Exp"), branch("else_branch", "Neg")],
  });
  return graph.encode();
}

describe("a model with branches that read values from outside", () => {
  const images = drawImages(6, SIDE, 4);
  const samples = () => batches("image", images, [3, SIDE, SIDE], 1);

  it("is quantized around them", async () => {
    const model = withIf();
    const calibration = await calibrateModel(model, samples());
    const recipe = STATIC_RECIPES.u8s8;
    const ranges = chooseRanges(calibration, "min-max", { type: recipe.activation, symmetric: false });
    const variant = quantizeStatic(model, { recipe, ranges });
    expect(variant.layers).toHaveLength(1);
    const [fit] = (await compareOutputs(model, variant.model, samples())).values();
    expect(fit).toBeGreaterThan(30);
  });

  it("becomes float16 around them", async () => {
    const model = withIf();
    const { model: half, kept } = convertToHalf(model);
    expect(kept).toEqual([expect.objectContaining({ operator: "If", reason: "it carries a subgraph" })]);
    const [fit] = (await compareOutputs(model, half, samples())).values();
    expect(fit).toBeGreaterThan(45);
  });
});
