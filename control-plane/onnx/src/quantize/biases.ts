import { roundHalfToEven } from "../graph/index.js";
import { notFinite } from "./weights.js";

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
