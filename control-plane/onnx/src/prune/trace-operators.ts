import { intAttribute, intsAttribute, readFloats, readIntegers, shapeOf } from "../graph/index.js";
import { channelsOf, couple, type Layout, withLength } from "./channel-layout.js";
import type { Cut, TraceContext, TraceRule } from "./trace-context.js";

/** Each channel of the result depends on that channel of the input alone. */
export const passChannels: TraceRule = (context, node) => {
  const [input = "", ...others] = node.input;
  const layout = context.layoutOf(input);
  // Indices of a MaxPool count elements of all channels.
  const indices = node.output.slice(1).some((name) => {
    return name !== "" && (context.graph.consumers(name).length > 0 || context.graph.isOutput(name));
  });
  if (layout === undefined || indices) return undefined;
  for (const other of others) context.block(other);
  const elementwise = !node.opType.endsWith("Pool");
  return { ...layout, plane: node.opType.startsWith("Global") ? 1 : elementwise ? layout.plane : undefined };
};

/** Add, Mul and the like: two values that meet lose the same channels, and a constant with one entry a channel loses them, too. */
export const meetChannels: TraceRule = (context, node) => {
  let result: Layout | undefined;
  for (const name of node.input) {
    if (context.graph.initializer(name) !== undefined) continue;
    const layout = context.layoutOf(name);
    result = result === undefined || layout === undefined ? layout : couple(context.spaces, result, layout);
    if (result === undefined) return undefined;
  }
  if (result === undefined) return undefined;
  const cuts: Cut[] = [];
  for (const name of node.input) {
    const cut = context.graph.initializer(name) === undefined ? undefined : constantCut(context, name, result);
    if (cut === "blocks") return undefined;
    if (cut !== undefined) cuts.push(cut);
  }
  context.cuts.push(...cuts);
  return result;
};

/** How a constant that meets a value loses channels; undefined where it is the same for all channels. */
function constantCut(context: TraceContext, tensor: string, layout: Layout): Cut | "blocks" | undefined {
  const constant = context.graph.initializer(tensor);
  const shape = constant === undefined ? [] : shapeOf(constant);
  if (shape.length > layout.rank) return "blocks";
  // Shapes are aligned at their ends: where axis 1 of the value lies in the constant.
  const axis = 1 - layout.rank + shape.length;
  if (axis < 0 || shape[axis] === 1) return undefined;
  const whole = withLength(layout, shape[axis] ?? 0);
  if (whole === undefined || context.ownConstant(tensor) === undefined) return "blocks";
  return { kind: "axis", tensor, axis, layout: whole };
}

/** Values side by side along axis 1. */
export const traceConcat: TraceRule = (context, node) => {
  const layouts: Layout[] = [];
  for (const name of node.input) {
    const layout = context.layoutOf(name);
    const [first = layout] = layouts;
    const known = layout?.segments.every(({ block }) => block !== undefined) === true;
    if (layout === undefined || !known || layout.rank !== first?.rank) return undefined;
    layouts.push(layout);
  }
  const [first] = layouts;
  const axis = intAttribute(node, "axis", 1);
  if (first === undefined || (axis !== 1 && axis !== 1 - first.rank)) return undefined;
  const plane = layouts.every((layout) => layout.plane === first.plane) ? first.plane : undefined;
  return { segments: layouts.flatMap(({ segments }) => segments), rank: first.rank, plane };
};

/** A BatchNormalization that was not folded into its convolution. */
export const traceNorm: TraceRule = (context, node) => {
  const [input = "", ...constants] = node.input;
  const layout = context.layoutOf(input);
  const owned = constants.map((name) => context.ownConstant(name)).filter((tensor) => tensor !== undefined);
  const [length = 0] = owned[0] === undefined ? [] : shapeOf(owned[0]);
  const whole = layout && withLength(layout, length);
  if (whole === undefined || owned.length !== 4 || intAttribute(node, "training_mode", 0) !== 0) return undefined;
  for (const tensor of constants) context.cuts.push({ kind: "axis", tensor, axis: 0, layout: whole });
  return whole;
};

export const traceFlatten: TraceRule = (context, node) => {
  const layout = context.layoutOf(node.input[0] ?? "");
  const axis = intAttribute(node, "axis", 1);
  return layout !== undefined && (axis === 1 || axis === 1 - layout.rank) ? flattened(layout) : undefined;
};

function flattened({ segments, rank, plane }: Layout): Layout {
  const each = rank === 2 ? 1 : plane;
  const blocks = segments.map(({ space, block }) => {
    return { space, block: each === undefined || block === undefined ? undefined : block * each };
  });
  return { segments: blocks, rank: 2, plane: 1 };
}

/** A Reshape that flattens: [0, -1], or [-1, K] where K is known to be all of one sample. */
export const traceReshape: TraceRule = (context, node) => {
  const [input = "", shapeName = ""] = node.input;
  const layout = context.layoutOf(input);
  const shape = integers(context, shapeName);
  if (layout === undefined || shape?.length !== 2 || intAttribute(node, "allowzero", 0) !== 0) return undefined;
  const flat = flattened(layout);
  const [batch = 0, length = 0] = shape;
  if (batch === 0 && length === -1) return flat;
  const known = flat.segments.every(({ block }) => block !== undefined);
  const whole = length > 0 ? withLength(flat, length) : undefined;
  // Without a known plane, [-1, K] might as well fold samples together.
  if (whole === undefined || !(batch === 0 || (batch === -1 && known))) return undefined;
  context.cuts.push({ kind: "entry", node, input: 1, place: 1, layout: whole });
  return whole;
};

/** ReduceMean, ReduceMax and the like over all of the plane, or Squeeze of planes of one element. */
export const tracePlane: TraceRule = (context, node) => {
  const [input = "", axesName = ""] = node.input;
  const layout = context.layoutOf(input);
  const axes = intsAttribute(node, "axes") ?? integers(context, axesName);
  if (layout === undefined || axes === undefined || layout.rank < 3) return undefined;
  const places = axes.map((axis) => (axis < 0 ? axis + layout.rank : axis)).sort((a, b) => a - b);
  const all = places.length === layout.rank - 2 && places.every((axis, index) => axis === index + 2);
  if (!all) return undefined;
  const keepsRank = node.opType !== "Squeeze" && intAttribute(node, "keepdims", 1) !== 0;
  return { ...layout, rank: keepsRank ? layout.rank : 2, plane: 1 };
};

/** A Pad that leaves the channels alone. */
export const tracePad: TraceRule = (context, node) => {
  const [input = "", padsName = "", , axesName = ""] = node.input;
  const layout = context.layoutOf(input);
  const pads = intsAttribute(node, "pads") ?? integers(context, padsName);
  const all = Array.from({ length: layout?.rank ?? 0 }, (_, axis) => axis);
  const axes = axesName === "" ? all : integers(context, axesName);
  if (layout === undefined || pads === undefined || axes === undefined || pads.length !== 2 * axes.length) {
    return undefined;
  }
  const padded = axes.some((axis, index) => {
    const there = (pads[index] ?? 0) !== 0 || (pads[index + axes.length] ?? 0) !== 0;
    return there && (axis === 1 || axis === 1 - layout.rank);
  });
  return padded ? undefined : { ...layout, plane: undefined };
};

/** A Resize of the plane by constant scales or to a constant size. */
export const traceResize: TraceRule = (context, node) => {
  const [input = "", , scalesName = "", sizesName = ""] = node.input;
  const layout = context.layoutOf(input);
  if (layout?.segments.every(({ block }) => block === 1) !== true) return undefined;
  const result = { ...layout, plane: undefined };
  const axes = intsAttribute(node, "axes");
  const place = axes === undefined ? 1 : axes.findIndex((axis) => axis === 1 || axis === 1 - layout.rank);
  if (place === -1) return result;
  if (sizesName === "") {
    const scales = context.graph.initializer(scalesName);
    return scales !== undefined && readFloats(scales)[place] === 1 ? result : undefined;
  }
  const sizes = integers(context, sizesName);
  if (sizes?.[place] !== channelsOf(layout)) return undefined;
  context.cuts.push({ kind: "entry", node, input: 3, place, layout });
  return result;
};

function integers(context: TraceContext, name: string): number[] | undefined {
  const tensor = context.graph.initializer(name);
  return tensor === undefined ? undefined : readIntegers(tensor);
}
