import { roundHalfToEven } from "../graph/index.js";
import { SMALLEST_NORMAL } from "./affine.js";
import { magnitudesOf, notFinite, quantizeWeight, type WeightValues } from "./weights.js";

const INT32_MAXIMUM = 2 ** 31 - 1;
const INT32_MINIMUM = -(2 ** 31);
/** Width of the integers that a bias may take, symmetric. */
const INT32_WIDTH = INT32_MAXIMUM - (INT32_MINIMUM + 1);
/** Room above the least scale that still fits, as a float32. */
const MARGIN = Math.fround(1.0001);

/**
 * Enlarges weight scales whose channel's bias would overflow int32: a bias is an integer times input scale times weight scale. Computed as
 * onnxruntime.quantization 1.30 does (`_adjust_weight_scale_for_int32_bias`). Changes `weightScales` in place.
 */
export function fitScalesToBias(bias: Float32Array, inputScale: number, weightScales: Float32Array): void {
  for (const [channel, weightScale] of weightScales.entries()) {
    const size = Math.fround(MARGIN * Math.fround(2 * Math.abs(bias[channel] ?? 0)));
    const least = size / INT32_WIDTH;
    const candidate = inputScale * weightScale;
    if (candidate < least && candidate > 0) weightScales[channel] = weightScale * (least / candidate);
  }
}

/** Most that one integer weight is multiplied by, a byte's distance from its zero point; and the most that such a product can be. */
const BYTE = 255;
const PRODUCT = BYTE * 127;

/**
 * Enlarges weight scales further where a bias fits into int32 but would overflow with what the weights add to it: kernels add both in int32, and
 * a sum that wraps around turns its sign. Bias scales of onnxruntime.quantization leave 0.01 % of the integers for that, which is enough
 * for few weights or small ones; only channels for which it is not are changed. Changes `weightScales` in place.
 */
export function leaveRoomForSums(
  bias: Float32Array,
  inputScale: number,
  weight: WeightValues,
  weightScales: Float32Array,
): void {
  const stepsOf = (channel: number) => Math.abs(bias[channel] ?? 0) / (inputScale * (weightScales[channel] ?? 1));
  const perChannel = weight.values.length / Math.max(1, weightScales.length);
  const suspects = Array.from(weightScales.keys()).filter(
    (channel) => stepsOf(channel) + PRODUCT * perChannel > INT32_MAXIMUM,
  );
  if (suspects.length === 0) return;
  const sums = magnitudesOf(weight, quantizeWeight(weight, weightScales).values);
  for (const channel of suspects) {
    // Then the bias takes half of the integers; weights that need the other half would overflow without any bias.
    const overflows = stepsOf(channel) + BYTE * (sums[channel] ?? 0) > INT32_MAXIMUM;
    if (overflows) weightScales[channel] = (weightScales[channel] ?? 1) * 2;
  }
}

/** The integer that the bias of a channel without weights becomes: exact as a float32, and far from overflowing. */
const EMPTY_CHANNEL_STEPS = 2 ** 23;

/** A layer's bias, and the scale of its input. */
export interface BiasUse {
  readonly bias: Float32Array;
  readonly inputScale: number;
}

/**
 * Chooses the scales of channels whose weights are all 0 after quantizing, so that any scale suits them, by their biases. With the scale 1 that
 * onnxruntime.quantization gives them, a bias would be rounded to whole steps of the input, however large these are. A channel without
 * a bias keeps its 1. Changes `weightScales` in place.
 *
 * @param emptyChannels channels without weights
 * @param uses of all layers that share the weight; the largest scale wins, as it overflows in none
 */
export function scaleEmptyChannels(
  emptyChannels: readonly number[],
  uses: readonly BiasUse[],
  weightScales: Float32Array,
): void {
  for (const channel of emptyChannels) {
    const wanted = uses.map(({ bias, inputScale }) => Math.abs(bias[channel] ?? 0) / inputScale / EMPTY_CHANNEL_STEPS);
    const scale = Math.fround(Math.max(0, ...wanted));
    // What float32 cannot express well is not worth expressing.
    const expressible = uses.every(({ inputScale }) => inputScale * scale >= SMALLEST_NORMAL);
    if (expressible && scale >= SMALLEST_NORMAL && Number.isFinite(scale)) weightScales[channel] = scale;
  }
}

/** A bias of int32 with one scale a channel and zero points 0. */
export interface QuantizedBias {
  readonly values: Int32Array;
  readonly scales: Float32Array;
}

/**
 * A bias as int32, its scales being input scale times weight scale.
 *
 * @throws SartorError SRT_QUANTIZE_NOT_FINITE: a value that is infinite or not a number
 */
export function quantizeBias(
  name: string,
  bias: Float32Array,
  inputScale: number,
  weightScales: Float32Array,
): QuantizedBias {
  const scales = weightScales.map((scale) => inputScale * scale);
  const values = Int32Array.from(bias, (value, channel) => {
    if (!Number.isFinite(value)) throw notFinite(name);
    const rounded = roundHalfToEven(value / (scales[channel] ?? 1));
    return Math.min(INT32_MAXIMUM, Math.max(INT32_MINIMUM, rounded));
  });
  return { values, scales };
}
