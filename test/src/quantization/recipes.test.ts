import {
  type Calibration,
  calibrateModel,
  chooseRanges,
  classificationReport,
  classify,
  compareLayers,
  compareOutputs,
  EditableGraph,
  elementsOf,
  foldModel,
  keepAccuracy,
  layerErrors,
  lintFusion,
  makeTensor,
  quantizeStatic,
  readFloats,
  STATIC_RECIPE_NAMES,
  STATIC_RECIPES,
  type StaticRecipeName,
  searchVariant,
  shapeOf,
} from "@sartor/onnx";
import { beforeAll, describe, expect, it } from "vitest";
import { roadSignModel } from "../support/road-sign-model.js";
import { buildMobileNetV2, buildResNet18, drawImages } from "./networks.js";
import { hasGtsrb, roadSignImages } from "./road-sign-images.js";
import { batches } from "./samples.js";

const SIDE = 32;

/** A variant by min-max or another method's ranges. */
function variantOf(model: Uint8Array, calibration: Calibration, name: StaticRecipeName, method = "min-max" as const) {
  const recipe = STATIC_RECIPES[name];
  const activation = { type: recipe.activation, symmetric: recipe.symmetricActivations };
  return quantizeStatic(model, { recipe, ranges: chooseRanges(calibration, method, activation) });
}

describe.each([
  ["a ResNet18 of small width", () => buildResNet18(SIDE, 16, 10)],
  ["a MobileNetV2 of small width", () => buildMobileNetV2(SIDE, 0.25, 10)],
])("%s", (_, build) => {
  let folded: Uint8Array;
  let calibration: Calibration;
  const images = drawImages(16, SIDE, 3);
  const samples = () => batches("image", images, [3, SIDE, SIDE], 4);

  beforeAll(async () => {
    folded = await foldModel(build());
    calibration = await calibrateModel(folded, samples());
  });

  it.each(STATIC_RECIPE_NAMES)("becomes the same int8 bytes twice that ONNX Runtime runs, by %s", async (name) => {
    const first = variantOf(folded, calibration, name);
    const again = variantOf(folded, await calibrateModel(folded, samples()), name);
    expect(Buffer.compare(first.model, again.model)).toBe(0);
    expect(first.layers.length).toBeGreaterThan(15);
    const [fit] = (await compareOutputs(folded, first.model, samples())).values();
    expect(fit).toBeGreaterThan(8);
    const byLayer = await compareLayers(folded, first, samples());
    expect([...byLayer.keys()]).toEqual(first.layers.map(({ name: layer }) => layer));
    expect(Math.min(...byLayer.values())).toBeGreaterThan(5);
    expect(await classify(first.model, samples())).toHaveLength(16);
  });

  it("computes in int8 throughout in ONNX Runtime on the CPU, but for the logits", async () => {
    const report = await lintFusion(variantOf(folded, calibration, "u8s8").model);
    expect(report.unfused).toEqual([]);
    expect(report.int8Nodes).toBeGreaterThan(20);
    expect(report.conversions).toBeLessThanOrEqual(2);
  });

  it("is told which operators stay in float where something stands between Conv and Q", async () => {
    const variant = variantOf(folded, calibration, "s8s8-symmetric").model;
    const report = await lintFusion(variant);
    expect(report.unfused.length).toBeGreaterThan(0);
    const reasons = new Set(report.unfused.map(({ reason }) => reason));
    expect(reasons).toContain("computes in float between a DQ and a Q");
  });

  it("has zero points 0, float biases and unquantized results for TensorRT", () => {
    const graph = EditableGraph.decode(variantOf(folded, calibration, "tensorrt").model);
    for (const node of graph.nodes) {
      if (node.opType === "QuantizeLinear") {
        expect(graph.initializer(node.input[2] ?? "")?.rawData).toEqual(Uint8Array.of(0));
        // What a layer computes is quantized only where another layer reads it as it is.
        const readers = graph.consumers(node.output[0] ?? "").flatMap(({ output }) => graph.consumers(output[0] ?? ""));
        expect(readers.some(({ opType }) => ["Conv", "Gemm", "MatMul"].includes(opType))).toBe(true);
      }
      if (node.opType === "Conv") expect(graph.initializer(node.input[2] ?? "")?.dataType).toBe(1);
    }
  });

  it("loses no more by the search's choice than by min-max", async () => {
    const found = await searchVariant({ model: folded, recipe: STATIC_RECIPES.u8s8, calibration, samples });
    const minMax = found.tried.find(({ method, biasCorrected }) => method === "min-max" && !biasCorrected);
    expect(found.decibels).toBeGreaterThanOrEqual(minMax?.decibels ?? Number.POSITIVE_INFINITY);
    expect(found.decibels).toBe(Math.max(...found.tried.map(({ decibels }) => decibels)));
  });
});

describe("a model that cannot be quantized well", () => {
  it("falls back for the layer that loses most, says which, and keeps its accuracy", async () => {
    const model = await foldModel(spoil(buildResNet18(SIDE, 16, 10, 19)));
    const images = drawImages(48, SIDE, 5);
    const samples = () => batches("image", images, [3, SIDE, SIDE], 8);
    const calibration = await calibrateModel(model, samples());
    const labels = await classify(model, samples());
    const recipe = STATIC_RECIPES.u8s8;
    const ranges = chooseRanges(calibration, "min-max", { type: recipe.activation, symmetric: false });
    const whole = quantizeStatic(model, { recipe, ranges });
    const errors = await layerErrors(model, whole, samples());
    const found = await keepAccuracy({
      policy: { minimumAccuracy: 0.95, maximumFloatLayers: 4 },
      errors,
      build: async (keepFloat) => quantizeStatic(model, { recipe, ranges, keepFloat }).model,
      evaluate: async (variant) => {
        return classificationReport(labels, labels, await classify(variant, samples()), 10).accuracy;
      },
    });
    expect(found.attempts[0]?.accuracy).toBeLessThan(0.95);
    expect(found.accuracy).toBeGreaterThanOrEqual(0.95);
    expect(found.floatLayers).toEqual([spoiledLayer(model)]);
  });
});

describe.skipIf(!hasGtsrb())("the shipped road-sign model on real road signs", () => {
  it("keeps its accuracy within 0.3 points in int8", async () => {
    const folded = await foldModel(roadSignModel().onnx);
    const training = roadSignImages("train", 128);
    const calibrationSamples = () => batches("image", training.images, [3, SIDE, SIDE], 8);
    const calibration = await calibrateModel(folded, calibrationSamples());
    const found = await searchVariant({
      model: folded,
      recipe: STATIC_RECIPES.u8s8,
      calibration,
      samples: calibrationSamples,
    });
    const { images, labels } = roadSignImages("test-even", 2000);
    const samples = () => batches("image", images, [3, SIDE, SIDE], 50);
    const report = classificationReport(
      labels,
      await classify(folded, samples()),
      await classify(found.quantized.model, samples()),
      43,
    );
    expect(report.referenceAccuracy).toBeGreaterThan(0.98);
    expect(report.accuracy).toBeGreaterThanOrEqual(report.referenceAccuracy - 0.003);
    expect(report.agreement).toBeGreaterThan(0.995);
    expect((await lintFusion(found.quantized.model)).unfused.filter(({ operator }) => operator === "Conv")).toEqual([]);
  });
});

if (!hasGtsrb()) console.warn("SKIPPED: int8 accuracy on real road signs; ../shared/gtsrb is not there");

/** Name of the second convolution of the first block: its input is what {@link spoil} spoils. */
function spoiledLayer(model: Uint8Array): string {
  const graph = EditableGraph.decode(model);
  const convolutions = graph.sorted().filter(({ opType }) => opType === "Conv");
  return convolutions[2]?.name ?? "";
}

/** One channel of an activation three thousand times as large as the others, and its weights in the next layer as much smaller: the same function. */
function spoil(model: Uint8Array): Uint8Array {
  const graph = EditableGraph.decode(model);
  const [, first, second] = graph.sorted().filter(({ opType }) => opType === "Conv");
  const factor = 3000;
  scaleChannel(graph, first?.input[1] ?? "", 0, factor);
  scaleChannel(graph, first?.input[2] ?? "", 0, factor);
  scaleChannel(graph, second?.input[1] ?? "", 1, 1 / factor);
  return graph.encode();
}

/** Multiplies channel 0 along an axis of a constant. */
function scaleChannel(graph: EditableGraph, name: string, axis: number, factor: number): void {
  const tensor = graph.initializer(name);
  if (tensor === undefined) throw new Error(`no constant ${name}`);
  const shape = shapeOf(tensor);
  const inner = elementsOf(shape.slice(axis + 1));
  const values = readFloats(tensor).map((value, index) => {
    return Math.floor(index / inner) % (shape[axis] ?? 1) === 0 ? value * factor : value;
  });
  graph.replaceInitializer(makeTensor(name, 1, shape, values));
}
