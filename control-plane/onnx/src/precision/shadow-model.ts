import type { NodeProto } from "onnx-buf";
import { EditableGraph, requireOpset13 } from "../graph/index.js";
import type { QuantizedModel } from "../quantize/index.js";

/** A quantized layer beside its fp32 original in one graph. */
export interface ShadowLayer {
  readonly name: string;
  readonly operator: string;
  /** What the fp32 layer computes. */
  readonly output: string;
  /** fp32 minus quantized, both from the fp32 network's input of that layer. */
  readonly difference: string;
}

/** The fp32 model with every quantized layer of a variant computed once more beside its original. */
export interface ShadowModel {
  readonly model: Uint8Array;
  readonly layers: readonly ShadowLayer[];
}

const PREFIX = "sartor_shadow/";

/**
 * Puts each quantized layer beside its fp32 original, fed with the same fp32 input through the variant's Q and DQ. One run then tells what
 * each layer alone loses, whatever the layers before it lose.
 */
export function shadowModel(original: Uint8Array, variant: QuantizedModel): ShadowModel {
  const graph = EditableGraph.decode(original);
  const quantized = EditableGraph.decode(variant.model);
  const byName = new Map(quantized.nodes.map((node) => [node.name, node]));
  requireOpset13(graph);
  const copier = new Copier(graph, quantized);
  const layers: ShadowLayer[] = [];
  for (const { name, operator, input, output } of variant.layers) {
    const node = byName.get(name);
    if (node === undefined) continue;
    layers.push({ name, operator, output, difference: copier.copyLayer(node, input, output) });
  }
  return { model: graph.encode(), layers };
}

class Copier {
  constructor(
    private readonly graph: EditableGraph,
    private readonly quantized: EditableGraph,
  ) {}

  copyLayer(node: NodeProto, input: string, output: string): string {
    const inputs = node.input.map((value, index) => this.#copyInput(value, index === 0 ? input : undefined));
    const shadow = this.#copyNode(node, inputs);
    const difference = this.graph.uniqueName(`${PREFIX}${output}/difference`);
    this.graph.addNode({ opType: "Sub", inputs: [output, shadow], outputs: [difference] });
    return difference;
  }

  /** An input of the layer with the DQ, and for activations the Q, in front of it; `source` replaces what Q reads. */
  #copyInput(value: string, source: string | undefined): string {
    const producer = this.quantized.producer(value);
    if (producer?.opType !== "DequantizeLinear") return this.#copyConstant(value);
    const [integers = "", ...parameters] = producer.input;
    const constants = parameters.map((name) => this.#copyConstant(name));
    const quantizer = this.quantized.producer(integers);
    const from =
      quantizer === undefined || source === undefined
        ? this.#copyConstant(integers)
        : this.#copyNode(quantizer, [source, ...quantizer.input.slice(1).map((name) => this.#copyConstant(name))]);
    return this.#copyNode(producer, [from, ...constants]);
  }

  #copyNode(node: NodeProto, inputs: readonly string[]): string {
    const output = this.graph.uniqueName(`${PREFIX}${node.output[0] ?? ""}`);
    this.graph.addNode({
      opType: node.opType,
      domain: node.domain,
      inputs,
      outputs: [output],
      attributes: node.attribute,
    });
    return output;
  }

  #copyConstant(name: string): string {
    const tensor = this.quantized.initializer(name);
    if (tensor === undefined) return name;
    const copy = `${PREFIX}${name}`;
    if (this.graph.initializer(copy) === undefined) this.graph.addInitializer({ ...tensor, name: copy });
    return copy;
  }
}
