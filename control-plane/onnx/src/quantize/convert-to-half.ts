import { type NodeProto } from "onnx-buf";
import {
  EditableGraph,
  ELEMENT,
  graphsOf,
  intAttribute,
  intOf,
  LARGEST_HALF,
  makeTensor,
  readFloats,
  setAttribute,
  shapeOf,
  toHalf,
} from "../graph/index.js";
import type { ValueRange } from "./affine.js";
import type { KeptNode } from "./plan.js";
import { emptyToolVersion, PRODUCER } from "./producer.js";
import { LAYER_OPERATORS } from "./quantizable-layer.js";
import { notFinite } from "./weights.js";

/** Operators that stay in fp32: float16 is not among their types, or an input of theirs is a coordinate, a count or a probability limit. */
const BLOCKED_OPERATORS: ReadonlySet<string> = new Set([
  ...["CumSum", "EyeLike", "Multinomial", "NonMaxSuppression", "Range", "Resize", "RoiAlign", "Upsample"],
  ...["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli"],
  ...["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "SequenceConstruct", "SequenceAt", "Optional"],
]);

export interface HalfOptions {
  /** Further operators that stay in fp32. */
  readonly blockedOperators?: ReadonlySet<string>;
  /** Names of nodes that stay in fp32. */
  readonly keepFloat?: ReadonlySet<string>;
  /** Calibrated ranges by value: a node whose values go beyond float16 stays in fp32. */
  readonly ranges?: ReadonlyMap<string, ValueRange>;
}

export interface HalfModel {
  readonly model: Uint8Array;
  /** Nodes that stay in fp32, and why. */
  readonly kept: readonly KeptNode[];
}

/**
 * Converts a folded fp32 model to float16; inputs and outputs stay fp32, with a Cast at each. Nodes that cannot, or whose weights or
 * calibrated values are larger than float16 can express, stay in fp32 between Casts. Deterministic.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX; SRT_QUANTIZE_NOT_FINITE: a weight is infinite, or a constant not a number
 */
export function convertToHalf(model: Uint8Array, options: HalfOptions = {}): HalfModel {
  const graph = EditableGraph.decode(model);
  const kept = new HalfWriter(graph, options).write();
  graph.setProducer(PRODUCER, emptyToolVersion);
  return { model: graph.encode(), kept };
}

class HalfWriter {
  readonly #types: ReadonlyMap<string, number>;
  /** Nodes that stay in fp32. */
  readonly #blocked = new Set<NodeProto>();
  readonly #halfConstants = new Map<string, string>();
  readonly #casts = new Map<string, string>();

  constructor(
    private readonly graph: EditableGraph,
    private readonly options: HalfOptions,
  ) {
    this.#types = graph.elementTypes();
  }

  write(): KeptNode[] {
    const nodes = this.graph.sorted();
    const kept: KeptNode[] = [];
    for (const node of nodes) {
      const reason = this.#reasonToKeep(node);
      if (reason === undefined) continue;
      this.#blocked.add(node);
      if (this.#touchesFloat(node)) kept.push({ name: node.name, operator: node.opType, reason });
    }
    const half = new Set(
      nodes.filter((node) => !this.#blocked.has(node)).flatMap((node) => this.#floatsOf(node.output)),
    );
    for (const node of nodes) {
      if (this.#blocked.has(node)) this.#feedFloat(node, half);
      else this.#convert(node, half);
    }
    for (const value of half) this.#restoreName(value);
    this.graph.dropValueInfo();
    return kept;
  }

  #reasonToKeep(node: NodeProto): string | undefined {
    if (node.domain !== "") return "float16 is not known to be among its types";
    if (graphsOf(node).length > 0) return "it carries a subgraph";
    if (BLOCKED_OPERATORS.has(node.opType) || this.options.blockedOperators?.has(node.opType))
      return "the operator stays in fp32";
    if (this.options.keepFloat?.has(node.name)) return "asked for";
    if (node.opType === "Constant" && node.attribute.some(({ name }) => name !== "value"))
      return "its value is an attribute";
    for (const name of node.input) {
      const tensor = this.graph.initializer(name);
      if (tensor?.dataType !== ELEMENT.float) continue;
      if (largest(readFloats(tensor), name, isWeight(node, name)) > LARGEST_HALF)
        return `its constant ${name} is too large for float16`;
    }
    const beyond = [...node.input, ...node.output].find((name) => this.#overflows(name));
    return beyond === undefined ? undefined : `the value ${beyond} is too large for float16`;
  }

  #overflows(value: string): boolean {
    const range = this.options.ranges?.get(value);
    return range !== undefined && Math.max(-range.minimum, range.maximum) > LARGEST_HALF;
  }

  #floatsOf(names: readonly string[]): string[] {
    return names.filter((name) => name !== "" && this.#types.get(name) === ELEMENT.float);
  }

  #touchesFloat(node: NodeProto): boolean {
    return this.#floatsOf([...node.input, ...node.output]).length > 0;
  }

  /** A node that computes in float16: its constants become float16, its other fp32 inputs get a Cast. */
  #convert(node: NodeProto, half: ReadonlySet<string>): void {
    if (node.opType === "Cast" && intAttribute(node, "to", 0) === ELEMENT.float) {
      setAttribute(node, "to", intOf("to", ELEMENT.float16));
    }
    for (const attribute of node.attribute) {
      if (attribute.t?.dataType === ELEMENT.float) attribute.t = this.#halfTensor(attribute.t.name, attribute.t);
    }
    for (const [index, name] of node.input.entries()) {
      if (name === "" || half.has(name) || this.#types.get(name) !== ELEMENT.float) continue;
      this.graph.setInput(node, index, this.#halfOf(name));
    }
  }

  #halfOf(name: string): string {
    const tensor = this.graph.initializer(name);
    if (tensor === undefined) return this.#cast(name, ELEMENT.float16, "half");
    let constant = this.#halfConstants.get(name);
    if (constant === undefined) {
      constant = this.graph.uniqueName(`${name}_half`);
      this.graph.addInitializer(this.#halfTensor(constant, tensor));
      this.#halfConstants.set(name, constant);
    }
    return constant;
  }

  #halfTensor(name: string, tensor: Parameters<typeof readFloats>[0]) {
    return makeTensor(name, ELEMENT.float16, shapeOf(tensor), Uint16Array.from(readFloats(tensor), toHalf));
  }

  #feedFloat(node: NodeProto, half: ReadonlySet<string>): void {
    for (const [index, name] of node.input.entries()) {
      if (half.has(name) && !this.#needsName(name))
        this.graph.setInput(node, index, this.#cast(name, ELEMENT.float, "float"));
    }
  }

  /** Whether something outside the nodes knows the value by its name and wants fp32. */
  #needsName(value: string): boolean {
    return this.graph.isOutput(value) || this.graph.isCaptured(value);
  }

  #restoreName(value: string): void {
    const producer = this.graph.producer(value);
    if (!this.#needsName(value) || producer === undefined) return;
    const name = this.graph.uniqueName(`${value}_half`);
    for (const reader of this.graph.consumers(value))
      if (!this.#blocked.has(reader)) this.graph.rewireInput(reader, value, name);
    this.graph.renameOutput(producer, value, name);
    this.#addCast(name, value, ELEMENT.float);
  }

  #cast(value: string, to: number, suffix: string): string {
    let name = this.#casts.get(`${value}\n${to}`);
    if (name === undefined) {
      name = this.graph.uniqueName(`${value}_${suffix}`);
      this.#addCast(value, name, to);
      this.#casts.set(`${value}\n${to}`, name);
    }
    return name;
  }

  #addCast(from: string, to: string, type: number): void {
    this.graph.addNode({ opType: "Cast", inputs: [from], outputs: [to], attributes: [intOf("to", type)] });
  }
}

/** Largest finite magnitude. Infinite values that are no weights are meant so (masks of attention), and float16 has them, too. */
function largest(values: Float32Array, name: string, weights: boolean): number {
  let most = 0;
  for (const value of values) {
    const size = Math.abs(value);
    if (Number.isNaN(size) || (weights && size === Number.POSITIVE_INFINITY)) throw notFinite(name);
    if (size > most && size !== Number.POSITIVE_INFINITY) most = size;
  }
  return most;
}

function isWeight({ opType, input }: NodeProto, name: string): boolean {
  return LAYER_OPERATORS.has(opType) && input.indexOf(name) > 0;
}
