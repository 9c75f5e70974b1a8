import { SartorError } from "@sartor/shared/errors";
import {
  EditableGraph,
  ELEMENT,
  floatAttribute,
  intOf,
  makeTensor,
  readFloats,
  requireOpset13,
  setAttribute,
  shapeOf,
} from "../graph/index.js";
import { type AffineParameters, affineOf, integerRange, quantizeValues, type ValueRange } from "./affine.js";
import { type BiasUse, fitScalesToBias, leaveRoomForSums, quantizeBias, scaleEmptyChannels } from "./biases.js";
import type { KeptNode, PlannedLayer, QuantizationPlan } from "./plan.js";
import { planQuantization } from "./plan-quantization.js";
import { emptyToolVersion, PRODUCER } from "./producer.js";
import type { StaticRecipe } from "./recipe.js";
import { emptyChannels, notFinite, quantizeWeight, type WeightValues, weightScales } from "./weights.js";

export interface StaticQuantizationOptions {
  readonly recipe: StaticRecipe;
  /** Range of every activation of the model, by the value's name (calibration gives them). */
  readonly ranges: ReadonlyMap<string, ValueRange>;
  /** Names of nodes that stay in float. */
  readonly keepFloat?: ReadonlySet<string>;
  /** Added to the bias of the layer of this name, one value an output channel: what bias correction found. */
  readonly biasCorrections?: ReadonlyMap<string, Float32Array>;
}

/** A layer that computes in int8, by the names of the fp32 model. */
export interface QuantizedLayer {
  readonly name: string;
  readonly operator: string;
  readonly input: string;
  /** The value it computes in the fp32 model. */
  readonly output: string;
  /** The value of the variant that corresponds to it. */
  readonly variantOutput: string;
}

export interface QuantizedModel {
  readonly model: Uint8Array;
  readonly layers: readonly QuantizedLayer[];
  readonly kept: readonly KeptNode[];
  /** Scale and zero point by the value's name. */
  readonly activations: ReadonlyMap<string, AffineParameters>;
}

/**
 * Quantizes a folded fp32 model to int8 with Q and DQ nodes. The same input gives the same bytes. Scales, zero points and integers equal
 * those of onnxruntime.quantization 1.30 for equal ranges, except where these lose a value: a channel without weights gets a scale that suits
 * its bias, a bias near the end of int32 leaves room for what the weights add, and a ReLU that never let anything pass keeps its effect.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX, SRT_QUANTIZE_OPSET, SRT_QUANTIZE_UNSUPPORTED, SRT_QUANTIZE_NOTHING,
 *   SRT_QUANTIZE_NOT_FINITE: a weight; SRT_CALIBRATION_INCOMPLETE: a range is missing
 */
export function quantizeStatic(model: Uint8Array, options: StaticQuantizationOptions): QuantizedModel {
  const graph = EditableGraph.decode(model);
  requireOpset13(graph);
  const plan = planQuantization(graph, options.recipe, options.keepFloat);
  const writer = new QdqWriter(graph, plan, options);
  writer.write();
  graph.setProducer(PRODUCER, emptyToolVersion);
  const layers = plan.layers.map((layer) => ({
    name: layer.node.name,
    operator: layer.node.opType,
    input: layer.input,
    output: layer.output,
    variantOutput: layer.node.output[0] ?? "",
  }));
  return { model: graph.encode(), layers, kept: plan.kept, activations: writer.activations };
}

/** A weight with its scales, and the name of its values behind the DQ once they are written. */
interface WeightEntry {
  readonly weight: WeightValues;
  readonly scales: Float32Array;
  dequantized?: string;
}

/** Carries a plan out on its graph. */
class QdqWriter {
  readonly activations = new Map<string, AffineParameters>();
  readonly #weights = new Map<string, WeightEntry>();
  /** Results of ReLUs and Clips that vanish. */
  readonly #rectified: ReadonlySet<string>;

  constructor(
    private readonly graph: EditableGraph,
    private readonly plan: QuantizationPlan,
    private readonly options: StaticQuantizationOptions,
  ) {
    this.#rectified = new Set(plan.vanishing.flatMap(({ output }) => output));
  }

  write(): void {
    for (const { value, like } of this.plan.activations) this.activations.set(value, this.#parametersOf(like));
    const layers = this.plan.layers.map((layer) => ({ layer, bias: this.#biasOf(layer) }));
    // All biases first: each may enlarge the scales of a weight that several layers share.
    if (this.options.recipe.quantizedBiases) this.#fitScales(layers);
    for (const { layer, bias } of layers) this.#writeLayer(layer, bias);
    for (const name of this.plan.constants) this.#writeConstant(name);
    for (const node of this.plan.vanishing) this.#vanish(node.input[0] ?? "", node.output[0] ?? "", node);
    for (const { value, like } of this.plan.activations) this.#writeActivation(value, like);
  }

  #fitScales(layers: readonly { readonly layer: PlannedLayer; readonly bias: Float32Array | undefined }[]): void {
    const uses = new Map<WeightEntry, BiasUse[]>();
    for (const { layer, bias } of layers) {
      if (bias === undefined) continue;
      const entry = this.#weightOf(layer);
      uses.set(entry, [...(uses.get(entry) ?? []), { bias, inputScale: this.#inputScale(layer) }]);
    }
    for (const [{ weight, scales }, biases] of uses) {
      scaleEmptyChannels(emptyChannels(weight, this.options.recipe.reducedWeights), biases, scales);
      for (const { bias, inputScale } of biases) fitScalesToBias(bias, inputScale, scales);
      for (const { bias, inputScale } of biases) leaveRoomForSums(bias, inputScale, weight, scales);
    }
  }

  #parametersOf(value: string): AffineParameters {
    const range = this.options.ranges.get(this.plan.rangeOf.get(value) ?? value);
    if (range === undefined) {
      throw new SartorError("SRT_CALIBRATION_INCOMPLETE", `The value ${value} has no calibrated range.`, {
        details: { value },
      });
    }
    const { activation, symmetricActivations } = this.options.recipe;
    const integers = integerRange(activation, symmetricActivations);
    const parameters = affineOf(range, integers, symmetricActivations);
    // A range of nothing has no zero point to speak of, but what a vanished ReLU cut off must be cut off by Q still.
    return this.#rectified.has(value) && range.minimum >= 0 && parameters.zeroPoint !== integers.minimum
      ? { ...parameters, zeroPoint: integers.minimum }
      : parameters;
  }

  #inputScale(layer: PlannedLayer): number {
    return this.activations.get(layer.input)?.scale ?? 1;
  }

  /** Weight of a layer with alpha of Gemm multiplied in; layers with the same weight and axis share one. */
  #weightOf(layer: PlannedLayer): WeightEntry {
    const alpha = layer.node.opType === "Gemm" ? floatAttribute(layer.node, "alpha", 1) : 1;
    const key = `${layer.weight}\n${layer.axis}\n${alpha}`;
    let entry = this.#weights.get(key);
    if (entry === undefined) {
      const tensor = this.graph.initializer(layer.weight);
      if (tensor === undefined) throw new Error(`no weight ${layer.weight}`);
      const values = readFloats(tensor);
      const weight: WeightValues = {
        name: layer.weight,
        values: alpha === 1 ? values : values.map((value) => value * alpha),
        shape: shapeOf(tensor),
        axis: layer.axis,
      };
      const { recipe } = this.options;
      entry = { weight, scales: weightScales(weight, recipe.reducedWeights) };
      this.#weights.set(key, entry);
    }
    return entry;
  }

  /** Bias of a layer, one value a channel, with beta of Gemm multiplied in and the correction added. */
  #biasOf(layer: PlannedLayer): Float32Array | undefined {
    const { weight } = this.#weightOf(layer);
    const channels = weight.shape[weight.axis] ?? 0;
    const correction = layer.node.opType === "MatMul" ? undefined : this.options.biasCorrections?.get(layer.node.name);
    const tensor = layer.bias === undefined ? undefined : this.graph.initializer(layer.bias);
    if (tensor === undefined) return correction;
    const beta = layer.node.opType === "Gemm" ? floatAttribute(layer.node, "beta", 1) : 1;
    const stored = readFloats(tensor);
    return Float32Array.from({ length: channels }, (_, channel) => {
      const value = Math.fround((stored[stored.length === 1 ? 0 : channel] ?? 0) * beta);
      if (!Number.isFinite(value)) throw notFinite(layer.bias ?? "");
      return value + (correction?.[channel] ?? 0);
    });
  }

  #writeLayer(layer: PlannedLayer, bias: Float32Array | undefined): void {
    const { graph } = this;
    const entry = this.#weightOf(layer);
    entry.dequantized ??= this.#writeWeight(layer.weight, entry.weight, entry.scales);
    graph.setInput(layer.node, 1, entry.dequantized);
    if (layer.node.opType === "Gemm") {
      setAttribute(layer.node, "alpha");
      setAttribute(layer.node, "beta");
    }
    if (bias === undefined) return;
    const hint = layer.bias ?? `${layer.node.name}_bias`;
    if (!this.options.recipe.quantizedBiases) {
      const name = graph.uniqueName(`${hint}_float`);
      graph.addInitializer(makeTensor(name, ELEMENT.float, [bias.length], bias));
      graph.setInput(layer.node, 2, name);
      return;
    }
    const { values, scales } = quantizeBias(hint, bias, this.#inputScale(layer), entry.scales);
    const quantized = this.#constant(`${hint}_quantized`, ELEMENT.int32, [values.length], values);
    const zeros = new Int32Array(values.length);
    graph.setInput(layer.node, 2, this.#dequantize(hint, quantized, scales, ELEMENT.int32, zeros, 0));
  }

  #writeWeight(name: string, weight: WeightValues, scales: Float32Array): string {
    const { values } = quantizeWeight(weight, scales);
    const quantized = this.#constant(`${name}_quantized`, ELEMENT.int8, weight.shape, values);
    return this.#dequantize(name, quantized, scales, ELEMENT.int8, new Int8Array(scales.length), weight.axis);
  }

  #dequantize(
    name: string,
    quantized: string,
    scales: Float32Array,
    type: number,
    zeros: Int8Array | Int32Array,
    axis: number,
  ): string {
    const suffix = type === ELEMENT.int32 ? "_quantized" : "";
    const output = this.graph.uniqueName(`${name}_DequantizeLinear_Output`);
    this.graph.addNode({
      opType: "DequantizeLinear",
      name: this.graph.uniqueName(`${name}_DequantizeLinear`),
      inputs: [
        quantized,
        this.#constant(`${name}${suffix}_scale`, ELEMENT.float, [scales.length], scales),
        this.#constant(`${name}${suffix}_zero_point`, type, [zeros.length], zeros),
      ],
      outputs: [output],
      attributes: [intOf("axis", axis)],
    });
    return output;
  }

  #constant(
    hint: string,
    type: number,
    shape: readonly number[],
    data: Float32Array | Int8Array | Int32Array | Uint8Array,
  ): string {
    const name = this.graph.uniqueName(hint);
    this.graph.addInitializer(makeTensor(name, type, shape, data));
    return name;
  }

  /** A constant that an elementwise operator reads: one scale, in the type of activations. */
  #writeConstant(name: string): void {
    const { graph } = this;
    const tensor = graph.initializer(name);
    if (tensor === undefined) return;
    const values = readFloats(tensor);
    const range = { minimum: least(values), maximum: greatest(values) };
    if (!Number.isFinite(range.minimum) || !Number.isFinite(range.maximum)) throw notFinite(name);
    const { activation, symmetricActivations } = this.options.recipe;
    const parameters = affineOf(range, integerRange(activation, symmetricActivations), symmetricActivations);
    const shape = shapeOf(tensor);
    const data = quantizeValues(values, parameters, activation) as Int8Array;
    const quantized = this.#constant(`${name}_quantized`, activation, shape, data);
    const output = graph.uniqueName(`${name}_DequantizeLinear_Output`);
    const readers = graph.consumers(name).filter(({ opType }) => opType !== "DequantizeLinear");
    graph.addNode({
      opType: "DequantizeLinear",
      name: graph.uniqueName(`${name}_DequantizeLinear`),
      inputs: [quantized, ...this.#scalars(name, parameters)],
      outputs: [output],
    });
    for (const reader of readers) graph.rewireInput(reader, name, output);
  }

  #vanish(input: string, output: string, node: Parameters<EditableGraph["removeNode"]>[0]): void {
    const producer = this.graph.producer(input);
    if (producer === undefined) return;
    this.graph.removeNode(node);
    this.graph.renameOutput(producer, input, output);
  }

  #writeActivation(value: string, like: string): void {
    const { graph } = this;
    const parameters = this.activations.get(value);
    if (parameters === undefined) return;
    const [scale, zeroPoint] = this.#sharedScalars(like, parameters);
    const readers = graph.consumers(value);
    const quantized = graph.uniqueName(`${value}_QuantizeLinear_Output`);
    let source = value;
    let target = graph.uniqueName(`${value}_DequantizeLinear_Output`);
    const producer = graph.producer(value);
    if (graph.isOutput(value) && producer !== undefined) {
      source = graph.uniqueName(`${value}_QuantizeLinear_Input`);
      target = value;
      graph.renameOutput(producer, value, source);
    }
    for (const reader of readers) graph.rewireInput(reader, value, target);
    const name = (kind: string) => graph.uniqueName(`${value}_${kind}`);
    graph.addNode({
      opType: "QuantizeLinear",
      name: name("QuantizeLinear"),
      inputs: [source, scale, zeroPoint],
      outputs: [quantized],
    });
    graph.addNode({
      opType: "DequantizeLinear",
      name: name("DequantizeLinear"),
      inputs: [quantized, scale, zeroPoint],
      outputs: [target],
    });
  }

  readonly #scalarNames = new Map<string, [string, string]>();

  #sharedScalars(like: string, parameters: AffineParameters): [string, string] {
    const names = this.#scalarNames.get(like) ?? this.#scalars(like, parameters);
    this.#scalarNames.set(like, names);
    return names;
  }

  #scalars(name: string, { scale, zeroPoint }: AffineParameters): [string, string] {
    const type = this.options.recipe.activation;
    return [
      this.#constant(`${name}_scale`, ELEMENT.float, [], Float32Array.of(scale)),
      this.#constant(
        `${name}_zero_point`,
        type,
        [],
        type === ELEMENT.uint8 ? Uint8Array.of(zeroPoint) : Int8Array.of(zeroPoint),
      ),
    ];
  }
}

function least(values: Float32Array): number {
  return values.reduce((smallest, value) => (value < smallest || Number.isNaN(value) ? value : smallest), 0);
}

function greatest(values: Float32Array): number {
  return values.reduce((largest, value) => (value > largest || Number.isNaN(value) ? value : largest), 0);
}
