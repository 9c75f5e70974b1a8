import type { NodeProto, TensorProto } from "onnx-buf";
import { EditableGraph, ELEMENT, elementsOf, intAttribute, makeTensor, readFloats, shapeOf } from "../graph/index.js";

/** Two layers with nothing but a Relu in between, whose weights only they read. */
interface Pair {
  readonly first: NodeProto;
  readonly second: NodeProto;
}

/** Channels of a weight: calls back with the channel of each element. */
type ChannelOf = (index: number) => number;

/** Rounds until nothing moves any more in practice; each is cheap. */
const ROUNDS = 10;

/**
 * Cross-layer equalisation: evens out the ranges of channels between layers with a Relu or LeakyRelu in between, which computes the same, as
 * relu(s x) = s relu(x) for s > 0. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019),
 * section 4.1: s = sqrt(r1 r2) / r2.
 *
 * @returns the model and how many pairs of layers were equalised; the same model where there are none
 * @throws SartorError SRT_MODEL_NOT_ONNX
 */
export function equaliseLayers(model: Uint8Array): { model: Uint8Array; pairs: number } {
  const graph = EditableGraph.decode(model);
  const pairs = graph.sorted().flatMap((node) => pairOf(graph, node) ?? []);
  for (let round = 0; round < ROUNDS; round++) for (const pair of pairs) equalise(graph, pair);
  return { model: graph.encode(), pairs: pairs.length };
}

function pairOf(graph: EditableGraph, rectifier: NodeProto): Pair | undefined {
  if (rectifier.domain !== "" || (rectifier.opType !== "Relu" && rectifier.opType !== "LeakyRelu")) return undefined;
  const [input = ""] = rectifier.input;
  const [output = ""] = rectifier.output;
  if (!graph.hasOneReader(input) || !graph.hasOneReader(output)) return undefined;
  const first = graph.producer(input);
  const [second] = graph.consumers(output);
  if (first === undefined || second === undefined || second.input[0] !== output) return undefined;
  if (!owns(graph, first) || !owns(graph, second)) return undefined;
  // A Gemm may have one bias for all channels, but each channel would need another.
  const bias = graph.initializer(first.input[2] ?? "");
  if (bias !== undefined && elementsOf(shapeOf(bias)) !== computedChannels(graph, first)) return undefined;
  return computedChannels(graph, first) === readChannels(graph, second) ? { first, second } : undefined;
}

/** Whether a node is a layer of which nobody else reads the constants. */
function owns(graph: EditableGraph, node: NodeProto): boolean {
  if (node.domain !== "" || (node.opType !== "Conv" && node.opType !== "Gemm")) return false;
  if (node.opType === "Gemm" && (intAttribute(node, "transA", 0) !== 0 || node.input.length < 2)) return false;
  return node.input.slice(1).every((name) => {
    if (name === "") return true;
    const tensor = graph.initializer(name);
    return (
      tensor?.dataType === ELEMENT.float &&
      graph.hasOneReader(name) &&
      (node.input[1] === name || shapeOf(tensor).length === 1)
    );
  });
}

function weightOf(graph: EditableGraph, node: NodeProto): TensorProto {
  const tensor = graph.initializer(node.input[1] ?? "");
  if (tensor === undefined) throw new Error(`${node.name} has no weight`);
  return tensor;
}

/** Channels that a layer computes. */
function computedChannels(graph: EditableGraph, node: NodeProto): number {
  const shape = shapeOf(weightOf(graph, node));
  return shape[node.opType === "Gemm" && intAttribute(node, "transB", 0) === 0 ? 1 : 0] ?? 0;
}

/** Channels that a layer reads; -1 for grouped convolutions other than depthwise. */
function readChannels(graph: EditableGraph, node: NodeProto): number {
  const shape = shapeOf(weightOf(graph, node));
  if (node.opType === "Gemm") return shape[intAttribute(node, "transB", 0) === 0 ? 0 : 1] ?? 0;
  const group = intAttribute(node, "group", 1);
  if (group === 1) return shape[1] ?? 0;
  return shape[1] === 1 && (shape[0] ?? 0) % group === 0 ? group : -1;
}

function outputChannel(graph: EditableGraph, node: NodeProto): ChannelOf {
  const shape = shapeOf(weightOf(graph, node));
  if (node.opType === "Gemm" && intAttribute(node, "transB", 0) === 0) return (index) => index % (shape[1] ?? 1);
  const inner = elementsOf(shape.slice(1));
  return (index) => Math.floor(index / inner);
}

function inputChannel(graph: EditableGraph, node: NodeProto): ChannelOf {
  const shape = shapeOf(weightOf(graph, node));
  const inner = elementsOf(shape.slice(1));
  if (node.opType === "Gemm") {
    return intAttribute(node, "transB", 0) === 0 ? (index) => Math.floor(index / inner) : (index) => index % inner;
  }
  const group = intAttribute(node, "group", 1);
  if (group > 1) return (index) => Math.floor(index / inner / ((shape[0] ?? group) / group));
  const plane = elementsOf(shape.slice(2));
  return (index) => Math.floor(index / plane) % (shape[1] ?? 1);
}

function equalise(graph: EditableGraph, { first, second }: Pair): void {
  const channels = computedChannels(graph, first);
  const [firstChannel, secondChannel] = [outputChannel(graph, first), inputChannel(graph, second)];
  const r1 = ranges(readFloats(weightOf(graph, first)), channels, firstChannel);
  const r2 = ranges(readFloats(weightOf(graph, second)), channels, secondChannel);
  const factors = Float64Array.from(r1, (range, channel) => {
    const other = r2[channel] ?? 0;
    const factor = range > 0 && other > 0 ? Math.sqrt(range / other) : 1;
    return Number.isFinite(factor) && factor > 1e-4 && factor < 1e4 ? factor : 1;
  });
  scale(graph, first.input[1] ?? "", (index) => 1 / (factors[firstChannel(index)] ?? 1));
  const bias = first.input[2] ?? "";
  if (bias !== "") scale(graph, bias, (index) => 1 / (factors[index] ?? 1));
  scale(graph, second.input[1] ?? "", (index) => factors[secondChannel(index)] ?? 1);
}

function ranges(values: Float32Array, channels: number, channelOf: ChannelOf): Float64Array {
  const most = new Float64Array(channels);
  for (const [index, value] of values.entries()) {
    const channel = channelOf(index);
    most[channel] = Math.max(most[channel] ?? 0, Math.abs(value));
  }
  return most;
}

function scale(graph: EditableGraph, name: string, factorOf: (index: number) => number): void {
  const tensor = graph.initializer(name);
  if (tensor === undefined) return;
  const values = readFloats(tensor).map((value, index) => value * factorOf(index));
  graph.replaceInitializer(makeTensor(name, ELEMENT.float, shapeOf(tensor), values));
}
