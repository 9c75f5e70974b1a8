import { SartorError } from "@sartor/shared/errors";
import { ELEMENT, elementsOf } from "../graph/index.js";
import { affineOf, fullRange, integerRange, quantizeValue } from "./affine.js";

/** A weight as float32, and where its output channels lie. */
export interface WeightValues {
  readonly name: string;
  readonly values: Float32Array;
  readonly shape: readonly number[];
  /** Dimension that counts the output channels. */
  readonly axis: number;
}

/** A weight of int8 with one scale a channel and zero points 0. */
export interface QuantizedWeight {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** Calls back with the start and stride of every run of equal channel: `values[start .. start + inner]`. */
function eachRun({ shape, axis }: WeightValues, visit: (channel: number, start: number, length: number) => void): void {
  const channels = shape[axis] ?? 1;
  const inner = elementsOf(shape.slice(axis + 1));
  const outer = elementsOf(shape.slice(0, axis));
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++) visit(channel, (block * channels + channel) * inner, inner);
  }
}

/**
 * Scales of a weight's channels: symmetric int8, -127..127, or -64..64 reduced. A channel of zeros gets the scale 1.
 *
 * @throws SartorError SRT_QUANTIZE_NOT_FINITE: a value that is infinite or not a number
 */
export function weightScales(weight: WeightValues, reduced: boolean): Float32Array {
  return largestByChannel(weight).map((size) => scaleOf(size, reduced));
}

/** Channels of which every weight becomes 0, whatever their scale: all zeros, or too small for any. */
export function emptyChannels(weight: WeightValues, reduced: boolean): number[] {
  const largest = largestByChannel(weight);
  return Array.from(largest.keys()).filter((channel) => {
    const size = largest[channel] ?? 0;
    return scaleOf(size, reduced) === 1 && size < 0.5;
  });
}

/** Sum of the magnitudes of each channel's integers. */
export function magnitudesOf(weight: WeightValues, integers: Int8Array): Float64Array {
  const sums = new Float64Array(weight.shape[weight.axis] ?? 1);
  eachRun(weight, (channel, start, length) => {
    let sum = 0;
    for (let index = start; index < start + length; index++) sum += Math.abs(integers[index] ?? 0);
    sums[channel] = (sums[channel] ?? 0) + sum;
  });
  return sums;
}

function scaleOf(size: number, reduced: boolean): number {
  return affineOf({ minimum: -size, maximum: size }, integerRange(ELEMENT.int8, true, reduced), true).scale;
}

function largestByChannel(weight: WeightValues): Float32Array {
  const largest = new Float32Array(weight.shape[weight.axis] ?? 1);
  eachRun(weight, (channel, start, length) => {
    for (let index = start; index < start + length; index++) {
      const size = Math.abs(weight.values[index] ?? 0);
      if (!Number.isFinite(size)) throw notFinite(weight.name);
      if (size > (largest[channel] ?? 0)) largest[channel] = size;
    }
  });
  return largest;
}

/** An SRT_QUANTIZE_NOT_FINITE about a tensor. */
export function notFinite(name: string): SartorError {
  return new SartorError("SRT_QUANTIZE_NOT_FINITE", `The weight ${name} holds an infinite value or not a number.`, {
    details: { tensor: name },
  });
}

/** The weight's integers. */
export function quantizeWeight(weight: WeightValues, scales: Float32Array): QuantizedWeight {
  const values = new Int8Array(weight.values.length);
  const full = fullRange(ELEMENT.int8);
  eachRun(weight, (channel, start, length) => {
    const parameters = { scale: scales[channel] ?? 1, zeroPoint: 0 };
    for (let index = start; index < start + length; index++) {
      values[index] = quantizeValue(weight.values[index] ?? 0, parameters, full);
    }
  });
  return { values, scales };
}
