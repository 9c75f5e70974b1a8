import {
  type CalibrationFeeds,
  calibrateModel,
  chooseRanges,
  convertToHalf,
  EditableGraph,
  ELEMENT,
  foldModel,
  intOf,
  makeTensor,
  optimiseModel,
  quantizeStatic,
  quantizeWeights,
  readFloats,
  STATIC_RECIPES,
  shapeOf,
} from "@sartor/onnx";
import { describe, expect, it } from "vitest";
import { buildResNet18, drawImages, emptyGraph } from "./networks.js";
import { batches } from "./samples.js";

const SIDE = 32;
const model = buildResNet18(SIDE, 8, 10);
const images = drawImages(2, SIDE, 1);
const coded = (code: string) => expect.objectContaining({ name: "SartorError", code });

async function quantize(bytes: Uint8Array, samples: Iterable<CalibrationFeeds>) {
  const folded = await foldModel(bytes);
  const calibration = await calibrateModel(folded, samples);
  const ranges = chooseRanges(calibration, "min-max", { type: ELEMENT.uint8, symmetric: false });
  return quantizeStatic(folded, { recipe: STATIC_RECIPES.u8s8, ranges });
}

const samples = () => batches("image", images, [3, SIDE, SIDE], 1);

describe("bad input gets a code and a sentence, and nothing half-built", () => {
  it("a file that was cut off", async () => {
    await expect(quantize(model.slice(0, 5000), samples())).rejects.toThrow(coded("SRT_MODEL_NOT_ONNX"));
  });

  it("an operator that ONNX Runtime does not have", async () => {
    const graph = emptyGraph(["batch", 4], ["batch", 4]);
    graph.addNode({ opType: "Telepathy", inputs: ["image"], outputs: ["logits"] });
    await expect(quantize(graph.encode(), samples())).rejects.toThrow(coded("SRT_MODEL_UNSUPPORTED"));
  });

  it("an operator set that is unknown, or too old to be raised", async () => {
    const future = EditableGraph.decode(model);
    future.setOpset("", 400);
    await expect(quantize(future.encode(), samples())).rejects.toThrow(coded("SRT_MODEL_UNSUPPORTED"));
    const old = emptyGraph(["batch", 3, SIDE, SIDE], ["batch", 10], 9);
    old.addNode({ opType: "Upsample", inputs: ["image"], outputs: ["logits"] });
    expect(() => quantizeStatic(old.encode(), { recipe: STATIC_RECIPES.u8s8, ranges: new Map() })).toThrow(
      coded("SRT_QUANTIZE_OPSET"),
    );
  });

  it("weights that are not numbers", async () => {
    const graph = EditableGraph.decode(model);
    const head = graph.initializer("head.weight");
    if (head === undefined) throw new Error("no head");
    const values = readFloats(head);
    values[3] = Number.NaN;
    graph.replaceInitializer(makeTensor(head.name, ELEMENT.float, shapeOf(head), values));
    const bad = graph.encode();
    // The network computes no number with it, so calibration notices first; the other precisions look at weights only.
    await expect(quantize(bad, samples())).rejects.toThrow(coded("SRT_CALIBRATION_NOT_FINITE"));
    expect(() => convertToHalf(bad)).toThrow(coded("SRT_QUANTIZE_NOT_FINITE"));
    expect(() => quantizeWeights(bad, { bits: 4, blockSize: 32 })).toThrow(coded("SRT_QUANTIZE_NOT_FINITE"));
  });

  it("a calibration set without a sample", async () => {
    await expect(quantize(model, [])).rejects.toThrow(coded("SRT_CALIBRATION_EMPTY"));
  });

  it("calibration samples of another shape, name or length, or that are not numbers", async () => {
    const feed = (name: string, shape: number[], data: Float32Array) => [{ [name]: { shape, data } }];
    const one = images.subarray(0, 3 * SIDE * SIDE);
    for (const wrong of [
      feed("image", [1, 3, SIDE, SIDE / 2], one.subarray(0, one.length / 2)),
      feed("image", [3, SIDE, SIDE], one),
      feed("picture", [1, 3, SIDE, SIDE], one),
      feed("image", [1, 3, SIDE, SIDE], one.subarray(1)),
    ]) {
      await expect(quantize(model, wrong)).rejects.toThrow(coded("SRT_CALIBRATION_SHAPE"));
    }
    const dark = one.slice().fill(Number.NaN, 0, 1);
    await expect(quantize(model, feed("image", [1, 3, SIDE, SIDE], dark))).rejects.toThrow(
      coded("SRT_CALIBRATION_NOT_FINITE"),
    );
  });

  it("a model that is quantized already, or has nothing to quantize", async () => {
    const variant = await quantize(model, samples());
    expect(() => quantizeStatic(variant.model, { recipe: STATIC_RECIPES.u8s8, ranges: new Map() })).toThrow(
      coded("SRT_QUANTIZE_UNSUPPORTED"),
    );
    const plain = emptyGraph(["batch", 4], ["batch", 4]);
    plain.addNode({ opType: "Cast", inputs: ["image"], outputs: ["logits"], attributes: [intOf("to", ELEMENT.float)] });
    expect(() => quantizeWeights(plain.encode(), { bits: 8, blockSize: 32 })).toThrow(coded("SRT_QUANTIZE_NOTHING"));
  });

  it("a model that ONNX Runtime does not finish with in time", async () => {
    await expect(optimiseModel(model, { level: "basic", timeMs: 1 })).rejects.toThrow(/not optimised within/);
    const controller = new AbortController();
    const running = optimiseModel(model, { level: "basic", signal: controller.signal });
    controller.abort(new Error("cancelled"));
    await expect(running).rejects.toThrow("cancelled");
  });

  it("memory stays bounded however many samples there are", async () => {
    const folded = await foldModel(model);
    function* many(count: number): Generator<CalibrationFeeds> {
      for (let index = 0; index < count; index++) yield* samples();
    }
    const few = await calibrateModel(folded, many(1));
    await calibrateModel(folded, many(20));
    const before = process.memoryUsage().rss;
    const calibration = await calibrateModel(folded, many(1000));
    expect(calibration.samples).toBe(2000);
    const grown = process.memoryUsage().rss - before;
    const seen = [...calibration.statistics.values()].reduce((sum, { histogram }) => sum + histogram.total * 4, 0);
    expect(seen).toBeGreaterThan(100 * 2 ** 20);
    expect(grown).toBeLessThan(seen / 4);
    const same = { type: ELEMENT.uint8, symmetric: false } as const;
    expect(chooseRanges(calibration, "min-max", same)).toEqual(chooseRanges(few, "min-max", same));
  });
});
