import { SartorError } from "@sartor/shared/errors";
import type { NodeProto } from "onnx-buf";
import {
  type EditableGraph,
  ELEMENT,
  intAttribute,
  readFloats,
  stringAttribute,
  unsupportedNode,
} from "../graph/index.js";
import { clipBounds } from "./clip-bounds.js";
import type { KeptNode, PlannedActivation, PlannedLayer, QuantizationPlan } from "./plan.js";
import { LAYER_OPERATORS, layerOf } from "./quantizable-layer.js";
import type { StaticRecipe } from "./recipe.js";

/** Operators that only move values: their result takes the scale of their first input. */
const VIEWS = new Set([
  "MaxPool",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
  "Slice",
  "Gather",
  "Split",
  "Identity",
]);
/** Operators that ONNX Runtime computes in int8 between a DQ at each input and a Q at the output. */
const ELEMENTWISE = new Set(["Add", "Mul", "Concat", "GlobalAveragePool", "AveragePool", "LeakyRelu", "Sigmoid"]);
/** Operators through which one looks back from an output for the logits. */
const HEAD = new Set([
  "Softmax",
  "LogSoftmax",
  "Sigmoid",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
  "Identity",
  "ArgMax",
  "TopK",
]);

/**
 * Decides what is quantized and where Q and DQ go, so that ONNX Runtime fuses it:
 * DQ, DQ, DQ -> Conv -> [ReLU] -> Q with nothing in between; pools and reshapes share their input's parameters; residual additions have
 * a DQ at both inputs; logits and softmax stay in float.
 *
 * @param keepFloat names of nodes that stay in float
 * @throws SartorError SRT_QUANTIZE_UNSUPPORTED: the model is quantized already; SRT_QUANTIZE_NOTHING: no layer can be quantized
 */
export function planQuantization(
  graph: EditableGraph,
  recipe: StaticRecipe,
  keepFloat: ReadonlySet<string> = new Set(),
): QuantizationPlan {
  const planner = new Planner(graph, recipe, keepFloat);
  for (const node of graph.sorted()) planner.visit(node);
  return planner.finish();
}

class Planner {
  readonly #types: ReadonlyMap<string, number>;
  readonly #logits: ReadonlySet<string>;
  readonly #activations = new Map<string, PlannedActivation>();
  readonly #layers: PlannedLayer[] = [];
  readonly #vanishing: NodeProto[] = [];
  readonly #constants = new Set<string>();
  readonly #rangeOf = new Map<string, string>();
  readonly #kept: KeptNode[] = [];

  constructor(
    private readonly graph: EditableGraph,
    private readonly recipe: StaticRecipe,
    private readonly keepFloat: ReadonlySet<string>,
  ) {
    this.#types = graph.elementTypes();
    this.#logits = logitsOf(graph);
  }

  visit(node: NodeProto): void {
    if (node.domain !== "") return;
    if (node.opType === "QuantizeLinear" || node.opType === "DequantizeLinear" || node.opType.startsWith("QLinear")) {
      throw unsupportedNode(node, "is quantized already; give the fp32 model");
    }
    if (this.keepFloat.has(node.name)) {
      this.#keep(node, "asked for");
    } else if (LAYER_OPERATORS.has(node.opType)) this.#layer(node);
    else if (node.opType === "Relu" || node.opType === "Clip") this.#rectifier(node);
    else if (this.recipe.quantizedResults) this.#other(node);
  }

  finish(): QuantizationPlan {
    if (this.#layers.length === 0) {
      throw new SartorError("SRT_QUANTIZE_NOTHING", "The model has no Conv, Gemm or MatMul that can compute in int8.", {
        details: { kept: this.#kept.slice(0, 32) },
      });
    }
    return {
      activations: [...this.#activations.values()],
      layers: this.#layers,
      vanishing: this.#vanishing,
      constants: [...this.#constants],
      rangeOf: this.#rangeOf,
      kept: this.#kept,
    };
  }

  #keep(node: NodeProto, reason: string): void {
    this.#kept.push({ name: node.name, operator: node.opType, reason });
  }

  #layer(node: NodeProto): void {
    if (node.opType === "ConvTranspose" && !this.recipe.convTranspose) {
      this.#keep(node, "the CPU provider has no int8 kernel for it");
      return;
    }
    const layer = layerOf(this.graph, node);
    if (typeof layer === "string") {
      if (node.opType === "MatMul" && this.#isFloat(node)) this.#product(node);
      else this.#keep(node, layer);
      return;
    }
    if (node.opType === "Conv" && this.#readInFloat(layer.output)) {
      this.#keep(node, "what reads its result was asked to stay in float");
      return;
    }
    this.#mark(layer.input);
    this.#layers.push(layer);
    if (this.recipe.quantizedResults) this.#markResult(node, layer.output);
  }

  /** A MatMul of two activations, as in attention. */
  #product(node: NodeProto): void {
    for (const input of node.input) this.#mark(input);
    if (this.recipe.quantizedResults) this.#markResult(node, node.output[0] ?? "");
  }

  /** Convolutions have no int8 kernel with a float result; Gemm and MatMul have, so logits can stay in float. */
  #markResult(node: NodeProto, output: string): void {
    if (node.opType === "Conv" || !(this.#logits.has(output) || this.#readInFloat(output))) this.#mark(output);
  }

  #rectifier(node: NodeProto): void {
    const [input = ""] = node.input;
    const [output = ""] = node.output;
    const activation = this.#activations.get(input);
    if (activation === undefined || activation.like !== input || !this.recipe.quantizedResults) return;
    const alone = this.graph.hasOneReader(input);
    const producer = this.graph.producer(input);
    const bounds = clipBounds(this.graph, node);
    if (alone && producer !== undefined) {
      // A range that begins at 0 or below and that the bounds hold: the clipping of Q does the work.
      if (bounds !== undefined && bounds.minimum <= 0 && bounds.maximum >= 0 && !this.recipe.symmetricActivations) {
        this.#activations.delete(input);
        this.#vanishing.push(node);
      } else if (bounds !== undefined && bounds.minimum <= 0 && bounds.maximum >= 0) this.#rangeOf.set(input, output);
    }
    this.#mark(output);
  }

  #other(node: NodeProto): void {
    const [input = ""] = node.input;
    if (VIEWS.has(node.opType) || this.#isZeroPad(node) || this.#isNearest(node)) {
      if (!this.#activations.has(input)) return;
      for (const [index, output] of node.output.entries()) {
        if (output === "" || (index > 0 && node.opType !== "Split") || this.#logits.has(output)) continue;
        this.#mark(output, this.#activations.get(input)?.like);
      }
      return;
    }
    if (!ELEMENTWISE.has(node.opType) || !this.#isFloat(node)) return;
    const inputs = node.input.filter((name) => name !== "");
    if (!inputs.some((name) => this.#activations.has(name))) return;
    const [output = ""] = node.output;
    if (this.#logits.has(output) || this.#readInFloat(output)) return;
    for (const name of inputs) {
      if (this.graph.initializer(name) === undefined) this.#mark(name);
      else this.#constants.add(name);
    }
    this.#mark(output);
  }

  #mark(value: string, like = value): void {
    if (!this.#activations.has(value)) this.#activations.set(value, { value, like });
  }

  /**
   * Whether only nodes read a value that were asked to stay in float. Such a value must not be rounded either, or what made the node a bad
   * one to quantize stays: most often a range of its input that one channel stretches.
   */
  #readInFloat(value: string): boolean {
    const readers = this.graph.consumers(value);
    if (readers.length === 0 || this.graph.isOutput(value) || this.keepFloat.size === 0) return false;
    return readers.every(
      (reader) =>
        this.keepFloat.has(reader.name) ||
        ((reader.opType === "Relu" || reader.opType === "Clip" || VIEWS.has(reader.opType)) &&
          reader.output.every((output) => output === "" || this.#readInFloat(output))),
    );
  }

  #isFloat(node: NodeProto): boolean {
    return [...node.input, ...node.output].every((name) => name === "" || this.#types.get(name) === ELEMENT.float);
  }

  /** Padding with zeros, or with what is there, needs no other range than the input has. */
  #isZeroPad(node: NodeProto): boolean {
    if (node.opType !== "Pad") return false;
    if (stringAttribute(node, "mode", "constant") !== "constant") return true;
    const fill = node.input[2] ?? "";
    const tensor = this.graph.initializer(fill);
    return fill === "" || (tensor?.dataType === ELEMENT.float && readFloats(tensor)[0] === 0);
  }

  #isNearest(node: NodeProto): boolean {
    return (
      node.opType === "Resize" &&
      stringAttribute(node, "mode", "nearest") === "nearest" &&
      intAttribute(node, "antialias", 0) === 0
    );
  }
}

/** Values from which an output is but a softmax or a reshape away; that far back, rounding would cost accuracy and gain little. */
function logitsOf(graph: EditableGraph): ReadonlySet<string> {
  const logits = new Set<string>();
  const open = graph.outputs.map(({ name }) => name);
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (logits.has(value)) continue;
    logits.add(value);
    const producer = graph.producer(value);
    if (producer === undefined || !HEAD.has(producer.opType)) continue;
    const [input = ""] = producer.input;
    if (graph.hasOneReader(input)) open.push(input);
  }
  return logits;
}
