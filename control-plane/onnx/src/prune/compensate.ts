import type { NodeProto } from "onnx-buf";
import type { CalibrationSource } from "../calibrate/index.js";
import { EditableGraph, ELEMENT, floatAttribute, makeTensor, readFloats } from "../graph/index.js";
import { type ChannelStatistics, channelStatistics } from "./channel-statistics.js";
import { scaleTensor } from "./cut-tensor.js";
import type { Reader } from "./trace-context.js";

/** A layer and the places along axis 1 of what it reads that stay. */
export interface ThinnedReader extends Reader {
  readonly kept: ReadonlySet<number>;
}

/** A channel that shrank to less than a quarter lost what made it: more would be noise made loud. */
const LARGEST_FACTOR = 4;
/** A deviation smaller than this share of the mean is a constant as far as floats can tell. */
const CONSTANT = 1e-4;

/** What a layer computes with all it reads, and with what stays. */
interface Change {
  readonly before: ChannelStatistics;
  readonly after: ChannelStatistics;
}

/**
 * Makes up for removed channels in the layers that read them: scales and shifts each channel of a convolution so that it has the mean and the
 * deviation that it had with all it read, measured on samples; of a dense layer the mean only. For one layer the mean part is b += sum of W
 * over the removed channels times their mean, but it is measured where it arises, so that borders of zeros count as what they are. Restoring
 * both is what re-estimated batch norms do for a pruned network (Li et al., "EagleEye", ECCV 2020, section 3.3), for one in which they are
 * folded.
 *
 * @param model the model before anything was removed
 * @param graph the same, to be changed; its tensors still have all their channels
 */
export async function compensate(
  model: Uint8Array,
  graph: EditableGraph,
  readers: readonly ThinnedReader[],
  samples: CalibrationSource,
  signal?: AbortSignal,
): Promise<void> {
  const shadowed = EditableGraph.decode(model);
  const pairs = readers.map((reader) => ({ reader, shadow: addShadow(shadowed, reader) }));
  const values = new Set(pairs.flatMap(({ reader, shadow }) => [reader.node.output[0] ?? "", shadow]));
  const statistics = await channelStatistics(shadowed.encode(), [...values], samples, signal);
  for (const { reader, shadow } of pairs) {
    const [before, after] = [statistics.get(reader.node.output[0] ?? ""), statistics.get(shadow)];
    if (before !== undefined && after !== undefined) restore(graph, reader, { before, after });
  }
}

/** The layer once more beside itself, blind to what will be removed. */
function addShadow(graph: EditableGraph, { node, inputAxis, kept }: ThinnedReader): string {
  const weight = graph.initializer(node.input[1] ?? "");
  if (weight === undefined) throw new Error(`${node.name} has no weight`);
  const blind = graph.uniqueName(`${weight.name}.kept`);
  graph.addInitializer(scaleTensor(weight, inputAxis, (place) => (kept.has(place) ? 1 : 0), blind));
  const output = graph.uniqueName(`${node.output[0]}.kept`);
  const { opType, attribute, input } = node;
  graph.addNode({ opType, inputs: input.with(1, blind), outputs: [output], attributes: attribute });
  return output;
}

function restore(graph: EditableGraph, reader: Reader, { before, after }: Change): void {
  const { node, outputAxis } = reader;
  const weight = graph.initializer(node.input[1] ?? "");
  const beta = node.opType === "Gemm" ? floatAttribute(node, "beta", 1) : 1;
  const bias = node.input[2] === undefined || node.input[2] === "" ? undefined : graph.initializer(node.input[2]);
  const fixed = bias === undefined && (node.input[2] ?? "") !== "";
  if (weight === undefined || beta === 0 || fixed) return;
  const old = bias === undefined ? new Float32Array(1) : readFloats(bias);
  if (old.length !== 1 && old.length !== before.means.length) return;
  const dense = node.opType === "Gemm" || node.opType === "MatMul";
  const factors = before.means.map((_, channel) => (dense ? 1 : factorOf(channel, before, after)));
  const shifted = Float32Array.from(factors, (factor, channel) => {
    const shift = (before.means[channel] ?? 0) - factor * (after.means[channel] ?? 0);
    return factor * (old[old.length === 1 ? 0 : channel] ?? 0) + shift / beta;
  });
  graph.replaceInitializer(scaleTensor(weight, outputAxis, (channel) => factors[channel] ?? 1));
  const name = graph.uniqueName(`${node.name}.compensated`);
  graph.addInitializer(makeTensor(name, ELEMENT.float, [shifted.length], shifted));
  if (node.opType === "MatMul") addAfter(graph, node, name);
  else graph.setInput(node, 2, name);
}

function factorOf(channel: number, before: ChannelStatistics, after: ChannelStatistics): number {
  const spreadOf = ({ means, deviations }: ChannelStatistics) => {
    const deviation = deviations[channel] ?? 0;
    return deviation > CONSTANT * Math.abs(means[channel] ?? 0) ? deviation : 0;
  };
  const [spread, left] = [spreadOf(before), spreadOf(after)];
  return spread > 0 && left > 0 ? Math.min(LARGEST_FACTOR, spread / left) : 1;
}

/** A MatMul has no bias of its own. */
function addAfter(graph: EditableGraph, node: NodeProto, bias: string): void {
  const [output = ""] = node.output;
  const product = graph.uniqueName(`${output}.product`);
  graph.renameOutput(node, output, product);
  graph.addNode({ opType: "Add", inputs: [product, bias], outputs: [output] });
}
