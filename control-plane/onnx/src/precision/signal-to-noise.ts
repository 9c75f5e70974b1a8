/** Powers of a signal and of the difference from it, summed over values. */
export interface SignalAndNoise {
  signal: number;
  noise: number;
}

/** Signal-to-quantization-noise ratio in decibels: 10 log10(signal / noise). Infinite without noise, 0 where there is neither. */
export function decibels({ signal, noise }: SignalAndNoise): number {
  if (noise === 0) return signal === 0 ? 0 : Number.POSITIVE_INFINITY;
  return signal === 0 ? Number.NEGATIVE_INFINITY : 10 * Math.log10(signal / noise);
}

/** Sum of squares. */
export function powerOf(values: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    sum += value * value;
  }
  return sum;
}

/** Sum of squared differences. */
export function noiseBetween(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    sum += difference * difference;
  }
  return sum;
}
