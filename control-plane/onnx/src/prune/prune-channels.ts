import { SartorError } from "@sartor/shared/errors";
import type { CalibrationSource } from "../calibrate/index.js";
import { EditableGraph, ELEMENT, intOf, makeTensor, readIntegers, setAttribute, shapeOf } from "../graph/index.js";
import { keptPlaces, type Layout } from "./channel-layout.js";
import type { Space } from "./channel-spaces.js";
import { chooseChannels } from "./choose-channels.js";
import { compensate } from "./compensate.js";
import { cutTensor } from "./cut-tensor.js";
import { traceChannels } from "./trace-channels.js";
import type { Cut } from "./trace-context.js";

export interface PruneOptions {
  /** Share of each convolution's channels to remove, above 0 and below 1. */
  readonly share: number;
  /** Samples to learn from what removed channels gave, so that the layers that read them can make up for it; read once. */
  readonly samples?: CalibrationSource;
  readonly signal?: AbortSignal;
}

/** A convolution that lost channels. */
export interface PrunedLayer {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** Indices of the channels that went. */
  readonly removed: readonly number[];
}

export interface PrunedModel {
  readonly model: Uint8Array;
  /** Output channels of convolutions that went, all layers together. */
  readonly removedChannels: number;
  /** Layers that lost channels, in the order of the graph. */
  readonly layers: readonly PrunedLayer[];
}

/**
 * Structured pruning: removes from each convolution the channels with the smallest filters (L1; Li et al., "Pruning Filters for Efficient
 * ConvNets", ICLR 2017), with everything that computes or reads them, so that the network is really smaller. Convolutions whose results meet
 * element by element lose the same channels. From 16 channels on, the number that stays is rounded to a multiple of 8, because vector
 * registers would compute the difference anyway. What cannot be followed to layers that can be cut stays whole.
 *
 * With samples, the layers that read removed channels are scaled and shifted to the mean and deviation that they had (see {@link compensate}).
 * That is exact for channels that are constant and read without a padded border of zeros, and otherwise right on average.
 *
 * The same model, share and samples give the same bytes.
 *
 * @param model folded fp32 model
 * @throws SartorError SRT_PRUNE_NOTHING: no channel can be removed; SRT_MODEL_NOT_ONNX; with samples also as channelStatistics
 */
export async function pruneChannels(model: Uint8Array, options: PruneOptions): Promise<PrunedModel> {
  const { share, samples, signal } = options;
  if (!(share > 0 && share < 1)) throw new RangeError(`a share of ${share} cannot be removed`);
  signal?.throwIfAborted();
  const graph = EditableGraph.decode(model);
  const traced = traceChannels(graph);
  const kept = chooseChannels(traced, share);
  if (kept.size === 0)
    throw nothing(
      traced.producers.some(({ space }) => !traced.spaces.isBlocked(space)),
      share,
    );
  const every = (space: Space) => Array.from({ length: space.size }, (_, channel) => channel);
  const keptOf = (space: Space) => kept.get(traced.spaces.groupOf(space)) ?? every(space);
  const placesOf = (layout: Layout) => keptPlaces(layout, keptOf);
  const loses = ({ segments }: Layout) => segments.some(({ space }) => kept.has(traced.spaces.groupOf(space)));

  if (samples !== undefined) {
    const readers = traced.readers
      .filter(({ layout }) => loses(layout))
      .map((reader) => ({ ...reader, kept: new Set(placesOf(reader.layout)) }));
    await compensate(model, graph, readers, samples, signal);
  }
  const layers = traced.producers.flatMap(({ node, space }): PrunedLayer[] => {
    const stays = kept.get(traced.spaces.groupOf(space));
    if (stays === undefined) return [];
    const removed = every(space).filter((channel) => !stays.includes(channel));
    return [{ name: node.name, before: space.size, after: stays.length, removed }];
  });
  for (const cut of traced.cuts) if (loses(cut.layout)) apply(graph, cut, placesOf(cut.layout));
  graph.dropValueInfo();
  const removedChannels = layers.reduce((sum, { before, after }) => sum + before - after, 0);
  return { model: graph.encode(), removedChannels, layers };
}

function apply(graph: EditableGraph, cut: Cut, places: readonly number[]): void {
  const slice = (name: string, axis: number) => {
    const tensor = graph.initializer(name);
    if (tensor !== undefined) graph.replaceInitializer(cutTensor(tensor, axis, places));
  };
  switch (cut.kind) {
    case "axis":
      slice(cut.tensor, cut.axis);
      break;
    case "outputs":
      slice(cut.node.input[1] ?? "", cut.axis);
      slice(cut.node.input[2] ?? "", 0);
      break;
    case "group":
      setAttribute(cut.node, "group", intOf("group", places.length));
      break;
    case "entry": {
      const tensor = graph.initializer(cut.node.input[cut.input] ?? "");
      if (tensor === undefined) throw new Error(`${cut.node.name} lost its shape`);
      // Others may share the shape.
      const name = graph.uniqueName(`${tensor.name}.pruned`);
      const entries = readIntegers(tensor).with(cut.place, places.length);
      graph.addInitializer(makeTensor(name, ELEMENT.int64, shapeOf(tensor), BigInt64Array.from(entries, BigInt)));
      graph.setInput(cut.node, cut.input, name);
    }
  }
}

function nothing(prunable: boolean, share: number): SartorError {
  const problem = prunable
    ? `${Math.round(share * 100)} % of the channels are too few: each layer keeps a multiple of 8.`
    : "The model has no convolution whose channels can be removed.";
  return new SartorError("SRT_PRUNE_NOTHING", problem);
}
