import { describe, expect, it } from "vitest";
import { EditableGraph, ELEMENT, intOf, makeTensor, readFloats, readTensor } from "../graph/index.js";
import { type GraphSketch, ramp, sketchModel } from "../testing/build-graph.js";
import type { ValueRange } from "./affine.js";
import { quantizeStatic } from "./quantize-static.js";
import { STATIC_RECIPES } from "./recipe.js";

const recipe = STATIC_RECIPES.u8s8;
const unit = { minimum: -1, maximum: 1 };
const image = { x: [-1, 2, 4, 4] };

function quantize(sketch: GraphSketch, ranges: Record<string, ValueRange>, by = recipe) {
  const variant = quantizeStatic(sketchModel(sketch), { recipe: by, ranges: new Map(Object.entries(ranges)) });
  const graph = EditableGraph.decode(variant.model);
  const constant = (name: string) => {
    const tensor = graph.initializer(name);
    if (tensor === undefined)
      throw new Error(`no constant ${name} among ${graph.initializers.map((entry) => entry.name)}`);
    return readTensor(tensor);
  };
  return { ...variant, graph, constant };
}

const conv = (weight: ReturnType<typeof ramp>, bias?: ReturnType<typeof ramp>): GraphSketch => ({
  inputs: image,
  constants: bias === undefined ? [weight] : [weight, bias],
  nodes: [["Conv", bias === undefined ? ["x", "w"] : ["x", "w", "b"], ["y"]]],
});

describe("static quantization", () => {
  it("gives a channel of zeros the scale 1, and no division by zero", () => {
    const weight = makeTensor("w", ELEMENT.float, [2, 2, 1, 1], Float32Array.of(0, 0, 1, -0.5));
    const { constant } = quantize(conv(weight), { x: unit, y: unit });
    expect(constant("w_scale")).toEqual(Float32Array.of(1, 1 / 127));
    expect(constant("w_quantized")).toEqual(Int8Array.of(0, 0, 127, -64));
  });

  it.each(["u8s8", "u8s8-reduced", "s8s8"] as const)(
    "leaves room in 32 bits for what the weights add to a large bias, by %s",
    (name) => {
      const inputs = 576;
      const wide: GraphSketch = {
        inputs: { x: [-1, inputs, 1, 1] },
        constants: [
          makeTensor("w", ELEMENT.float, [2, inputs, 1, 1], new Float32Array(2 * inputs).fill(1e-7)),
          makeTensor("b", ELEMENT.float, [2], Float32Array.of(0.5, -0.5)),
        ],
        nodes: [["Conv", ["x", "w", "b"], ["y"]]],
      };
      const { constant } = quantize(wide, { x: { minimum: 0, maximum: 1 }, y: unit }, STATIC_RECIPES[name]);
      const weights = constant("w_quantized") as Int8Array;
      for (const [channel, bias] of (constant("b_quantized") as Int32Array).entries()) {
        const sum = weights
          .subarray(channel * inputs, (channel + 1) * inputs)
          .reduce((total, value) => total + Math.abs(value), 0);
        expect(Math.abs(bias) + 255 * sum).toBeLessThan(2 ** 31);
        expect(bias * ((constant("b_quantized_scale") as Float32Array)[channel] ?? 0)).toBeCloseTo(
          channel === 0 ? 0.5 : -0.5,
          6,
        );
      }
    },
  );

  it.each([0, 1e-42])("keeps the bias of a channel whose weights are %d, however coarse its input is", (nothing) => {
    const weight = makeTensor("w", ELEMENT.float, [2, 2, 1, 1], Float32Array.of(nothing, 0, 1, -0.5));
    const bias = makeTensor("b", ELEMENT.float, [2], Float32Array.of(0.3, 0.3));
    const { constant } = quantize(conv(weight, bias), { x: { minimum: 0, maximum: 1e6 }, y: unit });
    const [only = 0] = constant("b_quantized") as Int32Array;
    const [scale = 0] = constant("b_quantized_scale") as Float32Array;
    expect(only * scale).toBeCloseTo(0.3, 6);
    // The scale of the other channel is what its weights ask for.
    expect((constant("w_scale") as Float32Array)[1]).toBe(Math.fround(1 / 127));
    expect(constant("w_quantized")).toEqual(Int8Array.of(0, 0, 127, -64));
  });

  it("takes a scale for a shared channel without weights that fits the biases of all layers that share it", () => {
    const shared: GraphSketch = {
      inputs: image,
      constants: [
        makeTensor("w", ELEMENT.float, [2, 2, 1, 1], Float32Array.of(0, 0, 1, 1)),
        makeTensor("b", ELEMENT.float, [2], Float32Array.of(1e-3, 0)),
        makeTensor("c", ELEMENT.float, [2], Float32Array.of(500, 0)),
      ],
      nodes: [
        ["Conv", ["x", "w", "b"], ["a"]],
        ["Conv", ["a", "w", "c"], ["y"]],
      ],
    };
    const { constant } = quantize(shared, { x: unit, a: unit, y: unit });
    for (const [name, wanted] of Object.entries({ b: 1e-3, c: 500 })) {
      const [only = 0] = constant(`${name}_quantized`) as Int32Array;
      const [scale = 0] = constant(`${name}_quantized_scale`) as Float32Array;
      expect(Math.abs(only * scale - wanted)).toBeLessThan(1e-3);
      expect(Math.abs(only)).toBeLessThan(2 ** 31 - 1);
    }
  });

  it("enlarges a weight's scale where its bias would not fit into 32 bits", () => {
    const weight = makeTensor("w", ELEMENT.float, [2, 2, 1, 1], Float32Array.of(1e-9, 1e-9, 1, 1));
    const bias = makeTensor("b", ELEMENT.float, [2], Float32Array.of(5, 5));
    const { constant } = quantize(conv(weight, bias), { x: unit, y: unit });
    const [small = 0, usual = 0] = constant("w_scale") as Float32Array;
    expect(usual).toBe(Math.fround(1 / 127));
    expect(small).toBeGreaterThan(1e-9 / 127);
    const [fitted = 0] = constant("b_quantized") as Int32Array;
    const [scale = 0] = constant("b_quantized_scale") as Float32Array;
    expect(fitted * scale).toBeCloseTo(5, 3);
    expect(fitted).toBeLessThan(2 ** 31 - 1);
  });

  it.each(["u8s8", "s8s8"] as const)(
    "cuts off by %s what a ReLU cuts off, even one that never let anything pass",
    (name) => {
      const rectified: GraphSketch = {
        inputs: image,
        constants: [ramp("w", [2, 2, 1, 1])],
        nodes: [
          ["Conv", ["x", "w"], ["c"]],
          ["Relu", ["c"], ["y"]],
        ],
      };
      const zero = { minimum: 0, maximum: 0 };
      const ranges = { x: unit, c: { minimum: -3, maximum: 0 }, y: zero };
      const { activations, graph } = quantize(rectified, ranges, STATIC_RECIPES[name]);
      expect(graph.nodes.some(({ opType }) => opType === "Relu")).toBe(false);
      // Q clips at its least integer: that must stand for 0.
      expect(activations.get("y")).toEqual({ scale: 1, zeroPoint: name === "u8s8" ? 0 : -128 });
    },
  );

  it("refuses weights and biases that are no numbers, by name", () => {
    const bad = makeTensor("w", ELEMENT.float, [2, 2, 1, 1], Float32Array.of(0, Number.NaN, 1, 1));
    expect(() => quantize(conv(bad), { x: unit, y: unit })).toThrow(
      expect.objectContaining({ code: "SRT_QUANTIZE_NOT_FINITE" }),
    );
    const good = ramp("w", [2, 2, 1, 1]);
    const bias = makeTensor("b", ELEMENT.float, [2], Float32Array.of(Number.POSITIVE_INFINITY, 0));
    expect(() => quantize(conv(good, bias), { x: unit, y: unit })).toThrow(/\bb\b/);
  });

  it("refuses to guess a range that was not calibrated", () => {
    expect(() => quantize(conv(ramp("w", [2, 2, 1, 1])), { x: unit })).toThrow(
      expect.objectContaining({ code: "SRT_CALIBRATION_INCOMPLETE" }),
    );
  });

  it("writes weights once that two layers share, and a bias for each of them", () => {
    const shared: GraphSketch = {
      inputs: image,
      constants: [ramp("w", [2, 2, 1, 1]), ramp("b", [2])],
      nodes: [
        ["Conv", ["x", "w", "b"], ["a"]],
        ["Conv", ["a", "w", "b"], ["y"]],
      ],
    };
    const { graph } = quantize(shared, { x: unit, a: { minimum: 0, maximum: 3 }, y: unit });
    const weights = graph.initializers.filter(({ name }) => name.startsWith("w_quantized"));
    expect(weights.map(({ name }) => name)).toEqual(["w_quantized"]);
    const biases = graph.nodes.flatMap(({ opType, input }) => (opType === "Conv" ? [input[2]] : []));
    expect(new Set(biases).size).toBe(2);
  });

  it("takes rows of a Gemm's transposed weight as channels", () => {
    const gemm: GraphSketch = {
      constants: [makeTensor("w", ELEMENT.float, [2, 4], Float32Array.of(1, 0, 0, 0, 2, 0, 0, 0))],
      nodes: [["Gemm", ["x", "w"], ["y"], [intOf("transB", 1)]]],
    };
    const { constant, graph } = quantize(gemm, { x: unit });
    expect(constant("w_scale")).toEqual(Float32Array.of(1 / 127, 2 / 127));
    expect(graph.nodes.filter(({ opType }) => opType === "QuantizeLinear")).toHaveLength(1);
  });

  it("keeps names of inputs and outputs, so that a variant replaces the model", () => {
    const { graph } = quantize(conv(ramp("w", [2, 2, 1, 1])), { x: unit, y: unit });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.producer("y")?.opType).toBe("DequantizeLinear");
  });

  it("adds what bias correction found to the bias, and makes one where there is none", () => {
    const sketch = sketchModel(conv(ramp("w", [2, 2, 1, 1])));
    const ranges = new Map([
      ["x", unit],
      ["y", unit],
    ]);
    const biasCorrections = new Map([["Conv_y", Float32Array.of(0.25, -0.5)]]);
    const graph = EditableGraph.decode(quantizeStatic(sketch, { recipe, ranges, biasCorrections }).model);
    const find = (name: string) => graph.initializer(name);
    const [quantized, scale] = [find("Conv_y_bias_quantized"), find("Conv_y_bias_quantized_scale")];
    if (quantized === undefined || scale === undefined) throw new Error("no bias");
    const scales = readFloats(scale);
    const values = Array.from(readTensor(quantized) as Int32Array, (value, channel) => value * (scales[channel] ?? 0));
    expect(values[0]).toBeCloseTo(0.25, 4);
    expect(values[1]).toBeCloseTo(-0.5, 4);
  });
});
