import { type CalibrationSource, TapSession } from "../calibrate/index.js";
import type { QuantizedModel } from "../quantize/index.js";
import { shadowModel } from "./shadow-model.js";
import { decibels, powerOf } from "./signal-to-noise.js";

/** What one quantized layer loses by itself. */
export interface LayerError {
  readonly name: string;
  readonly operator: string;
  /** Signal to noise of what the layer computes from an exact input, dB. */
  readonly decibels: number;
  /** Mean of fp32 minus quantized, one value an output channel. */
  readonly meanError: Float32Array;
  /** Root of the mean square of what the fp32 layer computes. */
  readonly rootMeanSquare: number;
}

interface Sums {
  signal: number;
  noise: number;
  count: number;
  channels: Float64Array;
}

/**
 * Measures what each layer of a variant loses by itself, in one pass over the samples.
 *
 * @throws SartorError as TapSession does for samples that do not fit
 */
export async function layerErrors(
  original: Uint8Array,
  variant: QuantizedModel,
  source: CalibrationSource,
): Promise<LayerError[]> {
  const shadow = shadowModel(original, variant);
  const sums = new Map<string, Sums>();
  const outputs = new Map<string, Sums>();
  const lastAxis = new Set(["Gemm", "MatMul"]);
  for (const layer of shadow.layers) {
    const entry: Sums = { signal: 0, noise: 0, count: 0, channels: new Float64Array(0) };
    sums.set(layer.difference, entry);
    outputs.set(layer.output, entry);
  }
  const operators = new Map(shadow.layers.map(({ difference, operator }) => [difference, operator]));
  const session = await TapSession.open(shadow.model, [...new Set([...outputs.keys(), ...sums.keys()])]);
  try {
    for await (const feeds of source) {
      await session.run(feeds, (name, { shape, data }) => {
        const output = outputs.get(name);
        if (output !== undefined) output.signal += powerOf(data);
        const entry = sums.get(name);
        if (entry === undefined) return;
        entry.noise += powerOf(data);
        entry.count += data.length;
        addChannels(entry, data, shape, lastAxis.has(operators.get(name) ?? "") ? shape.length - 1 : 1);
      });
    }
  } finally {
    await session.close();
  }
  return shadow.layers.map(({ name, operator, difference }) => {
    const entry = sums.get(difference) ?? { signal: 0, noise: 0, count: 0, channels: new Float64Array(0) };
    const perChannel = entry.count / Math.max(1, entry.channels.length);
    return {
      name,
      operator,
      decibels: decibels(entry),
      meanError: Float32Array.from(entry.channels, (sum) => sum / Math.max(1, perChannel)),
      rootMeanSquare: Math.sqrt(entry.signal / Math.max(1, entry.count)),
    };
  });
}

function addChannels(entry: Sums, data: Float32Array, shape: readonly number[], axis: number): void {
  const channels = shape[axis] ?? 1;
  if (entry.channels.length !== channels) entry.channels = new Float64Array(channels);
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  for (let start = 0, channel = 0; start < data.length; start += inner, channel = (channel + 1) % channels) {
    let sum = 0;
    for (let index = start; index < start + inner; index++) sum += data[index] as number;
    entry.channels[channel] = (entry.channels[channel] ?? 0) + sum;
  }
}
