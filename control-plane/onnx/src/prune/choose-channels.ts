import { type EditableGraph, elementsOf, readFloats, shapeOf } from "../graph/index.js";
import type { Producer, TraceContext } from "./trace-context.js";

/** Counts are rounded to whole vector registers of so many floats; ONNX Runtime pads the channels of a convolution to that anyway. */
const VECTOR = 8;
/** Fewer channels than this are not rounded: it would be all or nothing. */
const LEAST_ROUNDED = 2 * VECTOR;

/**
 * How many channels of so many stay: a share less, rounded to the nearest multiple of 8 from 16 channels on, and at least one.
 */
export function keptCount(channels: number, share: number): number {
  const wanted = channels * (1 - share);
  const rounded = channels < LEAST_ROUNDED ? Math.round(wanted) : Math.round(wanted / VECTOR) * VECTOR;
  return Math.min(channels, Math.max(channels < LEAST_ROUNDED ? 1 : VECTOR, rounded));
}

/**
 * Which channels stay, by the number of their group: those with the largest filters, after Li et al., "Pruning Filters for Efficient
 * ConvNets" (ICLR 2017), section 3.1. Where several convolutions have to lose the same channels (those that meet in an Add), the sum of
 * their L1 norms decides, each relative to the mean of its layer. Of equals the first stay.
 *
 * @returns indices in ascending order; groups that lose nothing are absent
 */
export function chooseChannels(context: TraceContext, share: number): Map<number, number[]> {
  const groups = new Map<number, Producer[]>();
  for (const producer of context.producers) {
    if (context.spaces.isBlocked(producer.space)) continue;
    const group = context.spaces.groupOf(producer.space);
    groups.set(group, [...(groups.get(group) ?? []), producer]);
  }
  const kept = new Map<number, number[]>();
  for (const [group, producers] of groups) {
    const channels = producers[0]?.space.size ?? 0;
    const count = keptCount(channels, share);
    if (count === channels) continue;
    const scores = new Float64Array(channels);
    for (const producer of producers) {
      for (const [channel, score] of relativeNorms(context.graph, producer).entries())
        scores[channel] = (scores[channel] ?? 0) + score;
    }
    const ranked = Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
    kept.set(
      group,
      ranked.slice(0, count).sort((a, b) => a - b),
    );
  }
  return kept;
}

function relativeNorms(graph: EditableGraph, { node, axis }: Producer): Float64Array {
  const tensor = graph.initializer(node.input[1] ?? "");
  if (tensor === undefined) throw new Error(`${node.name} has no weight`);
  const shape = shapeOf(tensor);
  const channels = shape[axis] ?? 0;
  const inner = elementsOf(shape.slice(axis + 1));
  const norms = new Float64Array(channels);
  for (const [index, value] of readFloats(tensor).entries()) {
    const channel = Math.floor(index / inner) % channels;
    norms[channel] = (norms[channel] ?? 0) + Math.abs(value);
  }
  const mean = norms.reduce((sum, norm) => sum + norm, 0) / channels;
  return mean > 0 ? norms.map((norm) => norm / mean) : norms;
}
