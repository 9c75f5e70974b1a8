import type { NodeProto } from "onnx-buf";
import { intAttribute, shapeOf } from "../graph/index.js";
import { block, channelsOf, type Layout, withLength } from "./channel-layout.js";
import type { TraceContext, TraceRule } from "./trace-context.js";

/**
 * A Conv or ConvTranspose: reads the channels of its input and computes channels of its own, which may be removed. A depthwise one passes
 * channels on. One in groups keeps all, as does one whose constants others read.
 */
export const traceConvolution: TraceRule = (context, node) => {
  const [input = "", weightName = "", biasName = ""] = node.input;
  const weight = context.graph.initializer(weightName);
  const layout = context.layoutOf(input);
  if (weight === undefined) return undefined;
  const shape = shapeOf(weight);
  const group = intAttribute(node, "group", 1);
  const owned =
    context.ownConstant(weightName) !== undefined &&
    (biasName === "" || context.ownConstant(biasName) !== undefined) &&
    weightName !== biasName;
  if (group !== 1) return passDepthwise(context, node, owned ? layout : undefined) ?? grouped(context, node, shape);
  const [inputAxis, outputAxis] = node.opType === "ConvTranspose" ? [0, 1] : [1, 0];
  readChannels(context, node, inputAxis, outputAxis, owned);
  const fresh = freshLayout(context, shape[outputAxis] ?? 0, shape.length, !owned);
  const [segment] = fresh.segments;
  if (owned && segment !== undefined) {
    context.producers.push({ node, space: segment.space, axis: outputAxis });
    context.cuts.push({ kind: "outputs", node, axis: outputAxis, layout: fresh });
  }
  return fresh;
};

/** A Gemm or MatMul with a constant matrix: reads channels, in blocks where planes were flattened. What it computes is left whole. */
export const traceMatrix: TraceRule = (context, node) => {
  const [input = "", weightName = "", ...others] = node.input;
  const weight = context.ownConstant(weightName);
  const shape = weight === undefined ? [] : shapeOf(weight);
  const straight = node.opType === "MatMul" || intAttribute(node, "transA", 0) === 0;
  if (context.layoutOf(input)?.rank !== 2 || shape.length !== 2 || !straight) return undefined;
  for (const other of others) context.block(other);
  const transposed = node.opType === "Gemm" && intAttribute(node, "transB", 0) !== 0;
  const [inputAxis, outputAxis] = transposed ? [1, 0] : [0, 1];
  readChannels(context, node, inputAxis, outputAxis, true);
  return freshLayout(context, shape[outputAxis] ?? 0, 2, true);
};

function freshLayout(context: TraceContext, channels: number, rank: number, fixed: boolean): Layout {
  const space = context.spaces.add(channels, fixed);
  return { segments: [{ space, block: 1 }], rank, plane: rank === 2 ? 1 : undefined };
}

function readChannels(
  context: TraceContext,
  node: NodeProto,
  inputAxis: number,
  outputAxis: number,
  owned: boolean,
): void {
  const [input = "", weightName = ""] = node.input;
  const layout = context.layoutOf(input);
  const weight = context.graph.initializer(weightName);
  if (layout === undefined || weight === undefined) return;
  const whole = withLength(layout, shapeOf(weight)[inputAxis] ?? 0);
  if (!owned || whole === undefined) {
    block(context.spaces, layout);
    return;
  }
  context.readers.push({ node, layout: whole, inputAxis, outputAxis });
  context.cuts.push({ kind: "axis", tensor: weightName, axis: inputAxis, layout: whole });
}

/** Each channel is filtered by itself: it goes where its input's channel goes. Undefined where that is not so. */
function passDepthwise(context: TraceContext, node: NodeProto, layout: Layout | undefined): Layout | undefined {
  const weight = context.graph.initializer(node.input[1] ?? "");
  const [channels, perGroup] = weight === undefined ? [] : shapeOf(weight);
  const group = intAttribute(node, "group", 1);
  const simple = layout?.segments.every(({ block: each }) => each === 1) === true;
  if (layout === undefined || !simple || channels !== group || perGroup !== 1 || channelsOf(layout) !== group) {
    return undefined;
  }
  context.cuts.push({ kind: "outputs", node, axis: 0, layout }, { kind: "group", node, layout });
  return { ...layout, plane: undefined };
}

/** Channels in groups depend on their neighbours: those read and those computed stay. */
function grouped(context: TraceContext, node: NodeProto, shape: readonly number[]): Layout {
  context.block(node.input[0] ?? "");
  const computed = node.opType === "ConvTranspose" ? (shape[1] ?? 0) * intAttribute(node, "group", 1) : (shape[0] ?? 0);
  return freshLayout(context, computed, shape.length, true);
}
