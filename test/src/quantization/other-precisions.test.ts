import {
  calibrateModel,
  chooseRanges,
  compareOutputs,
  convertToHalf,
  EditableGraph,
  ELEMENT,
  equaliseLayers,
  floatOf,
  foldModel,
  intOf,
  lintFusion,
  makeTensor,
  modelCost,
  quantizeDynamic,
  quantizeStatic,
  quantizeWeights,
  readFloats,
  STATIC_RECIPES,
  searchVariant,
  shapeOf,
} from "@sartor/onnx";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../support/tiny-model.js";
import { buildMobileNetV2, buildResNet18, drawImages, emptyGraph } from "./networks.js";
import { batches } from "./samples.js";

const FEATURES = 96;

/** Two dense layers with a skip, as in a transformer's feed-forward part: MatMul and a Gemm with alpha, beta and transB. */
function dense(): Uint8Array {
  const random = seededRandom(7);
  const graph = emptyGraph(["batch", FEATURES], ["batch", 20], 17);
  const draw = (name: string, shape: number[]) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (random() - 0.5) * 0.4);
    graph.addInitializer(makeTensor(name, ELEMENT.float, shape, data));
    return name;
  };
  graph.addNode({ opType: "MatMul", inputs: ["image", draw("w1", [FEATURES, 200])], outputs: ["h1"] });
  graph.addNode({ opType: "Add", inputs: ["h1", draw("b1", [200])], outputs: ["h2"] });
  graph.addNode({ opType: "Relu", inputs: ["h2"], outputs: ["h3"] });
  const gemm = graph.addNode({
    opType: "Gemm",
    inputs: ["h3", draw("w2", [20, 200]), draw("b2", [20])],
    outputs: ["logits"],
    attributes: [intOf("transB", 1)],
  });
  gemm.attribute.push(floatOf("alpha", 0.5), floatOf("beta", 2));
  return graph.encode();
}

function rows(seed: number) {
  const random = seededRandom(seed);
  const data = Float32Array.from({ length: 24 * FEATURES }, () => random() * 2 - 1);
  return () => batches("image", data, [FEATURES], 8);
}

async function fitOf(original: Uint8Array, variant: Uint8Array, samples: ReturnType<typeof rows>): Promise<number> {
  const [fit = 0] = (await compareOutputs(original, variant, samples())).values();
  return fit;
}

describe("dense layers", () => {
  it("compute in int8 with scales found at run time, fused by ONNX Runtime", async () => {
    const model = dense();
    const variant = quantizeDynamic(model);
    expect(variant.layers).toHaveLength(2);
    expect(Buffer.compare(variant.model, quantizeDynamic(model).model)).toBe(0);
    expect(await fitOf(model, variant.model, rows(1))).toBeGreaterThan(35);
    const report = await lintFusion(variant.model);
    expect(report.unfused).toEqual([]);
    expect(report.int8Nodes).toBeGreaterThanOrEqual(2);
  });

  it.each([
    [8, 32, 45],
    [8, 128, 42],
    [4, 32, 20],
    [4, 64, 18],
    [4, 128, 17],
  ] as const)("keep only their weights in %i bits, blocks of %i", async (bits, blockSize, decibels) => {
    const model = dense();
    const variant = quantizeWeights(model, { bits, blockSize });
    expect(Buffer.compare(variant.model, quantizeWeights(model, { bits, blockSize }).model)).toBe(0);
    expect(variant.model.byteLength).toBeLessThan(model.byteLength * (bits === 8 ? 0.45 : 0.3));
    expect(await fitOf(model, variant.model, rows(1))).toBeGreaterThan(decibels);
  });

  it("are quantized in advance with alpha and beta of Gemm multiplied in", async () => {
    const model = dense();
    const calibration = await calibrateModel(model, rows(1)());
    const recipe = STATIC_RECIPES.u8s8;
    const ranges = chooseRanges(calibration, "min-max", { type: recipe.activation, symmetric: false });
    expect(await fitOf(model, quantizeStatic(model, { recipe, ranges }).model, rows(2))).toBeGreaterThan(30);
  });
});

describe("float16", () => {
  const images = drawImages(4, 32, 9);
  const samples = () => batches("image", images, [3, 32, 32], 4);

  it("halves the file, keeps inputs and outputs in fp32 and stays close", async () => {
    const model = await foldModel(buildResNet18(32, 16, 10));
    const { model: half, kept } = convertToHalf(model);
    expect(kept).toEqual([]);
    expect(half.byteLength).toBeLessThan(model.byteLength * 0.55);
    expect(Buffer.compare(half, convertToHalf(model).model)).toBe(0);
    const graph = EditableGraph.decode(half);
    const types = [...graph.inputs, ...graph.outputs].map(
      ({ type }) => type?.value.case === "tensorType" && type.value.value.elemType,
    );
    expect(types).toEqual([ELEMENT.float, ELEMENT.float]);
    const [fit] = (await compareOutputs(model, half, samples())).values();
    expect(fit).toBeGreaterThan(45);
  });

  it("leaves layers in fp32 whose weights or values it cannot express, and says why", async () => {
    const graph = EditableGraph.decode(await foldModel(buildResNet18(32, 16, 10)));
    const [first, second] = graph.sorted().filter(({ opType }) => opType === "Conv");
    const big = graph.initializer(first?.input[1] ?? "");
    if (big === undefined || second === undefined) throw new Error("no weights");
    graph.replaceInitializer(
      makeTensor(
        big.name,
        ELEMENT.float,
        shapeOf(big),
        readFloats(big).map((value) => value * 1e6),
      ),
    );
    const model = graph.encode();
    const calibration = await calibrateModel(model, samples());
    const ranges = chooseRanges(calibration, "min-max", { type: ELEMENT.uint8, symmetric: false });
    const { model: half, kept } = convertToHalf(model, { ranges });
    expect(kept.find(({ name }) => name === first?.name)?.reason).toContain("too large for float16");
    expect(kept.length).toBeGreaterThan(1);
    const [fit] = (await compareOutputs(model, half, samples())).values();
    expect(fit).toBeGreaterThan(45);
  });
});

describe("a model of an older operator set", () => {
  it("is raised and quantized, with the same search as any other", async () => {
    const graph = emptyGraph(["batch", 3, 16, 16], ["batch", 8], 9);
    const weights = Float32Array.from({ length: 8 * 27 }, (_, index) => Math.sin(index) / 4);
    graph.addInitializer(makeTensor("w", ELEMENT.float, [8, 3, 3, 3], weights));
    graph.addNode({ opType: "Conv", inputs: ["image", "w"], outputs: ["c"] });
    const clip = graph.addNode({ opType: "Clip", inputs: ["c"], outputs: ["r"] });
    clip.attribute.push(floatOf("min", 0), floatOf("max", 6));
    graph.addNode({ opType: "GlobalAveragePool", inputs: ["r"], outputs: ["g"] });
    graph.addNode({ opType: "Flatten", inputs: ["g"], outputs: ["f"] });
    graph.addNode({ opType: "Softmax", inputs: ["f"], outputs: ["logits"] });
    const model = await foldModel(graph.encode());
    const images = drawImages(6, 16, 4);
    const samples = () => batches("image", images, [3, 16, 16], 1);
    const calibration = await calibrateModel(model, samples());
    const found = await searchVariant({ model, recipe: STATIC_RECIPES.u8s8, calibration, samples });
    expect(found.decibels).toBeGreaterThan(35);
    expect(EditableGraph.decode(found.quantized.model).opset()).toBe(13);
  });
});

describe("what a model costs", () => {
  it.each([
    ["ResNet18", buildResNet18, 11.7, 1.81],
    ["MobileNetV2", buildMobileNetV2, 3.5, 0.3],
  ])(
    "is for %s what its paper says, in millions of weights and billions of multiply-accumulates",
    async (_, build, weights, macs) => {
      const cost = await modelCost(build(), { image: { shape: [1, 3, 224, 224], data: drawImages(1, 224, 1) } });
      expect(cost.weights / 1e6).toBeCloseTo(weights, 0);
      expect(Math.abs(cost.multiplyAccumulates / 1e9 / macs - 1)).toBeLessThan(0.02);
    },
  );
});

describe("cross-layer equalisation", () => {
  it("computes the same as before with evener weights", async () => {
    const model = await foldModel(buildResNet18(32, 16, 10));
    const { model: equalised, pairs } = equaliseLayers(model);
    expect(pairs).toBe(8);
    const images = drawImages(4, 32, 9);
    const [fit] = (await compareOutputs(model, equalised, batches("image", images, [3, 32, 32], 4))).values();
    expect(fit).toBeGreaterThan(100);
  });
});
