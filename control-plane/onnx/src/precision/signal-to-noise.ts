/** Powers of a signal and of the difference from it, summed over values. */
export interface SignalAndNoise {
  signal: number;
  noise: number;
}

/**
 * Signal-to-quantization-noise ratio in decibels: 10 log10(signal / noise). Infinite without noise, also where there is no signal either, as
 * nothing is lost then; minus infinity where noise stands in for no signal, or where one of them is no number, so that it never wins.
 */
export function decibels({ signal, noise }: SignalAndNoise): number {
  if (noise === 0) return Number.isNaN(signal) ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const ratio = signal / noise;
  return ratio > 0 ? 10 * Math.log10(ratio) : Number.NEGATIVE_INFINITY;
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
