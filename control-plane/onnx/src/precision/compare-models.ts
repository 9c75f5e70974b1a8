import { type CalibrationSource, TapSession } from "../calibrate/index.js";
import { EditableGraph } from "../graph/index.js";
import type { QuantizedModel } from "../quantize/index.js";
import { decibels, noiseBetween, powerOf, type SignalAndNoise } from "./signal-to-noise.js";

/** A value of the fp32 model and the value of the variant that corresponds to it. */
export interface ValuePair {
  readonly name: string;
  readonly original: string;
  readonly variant: string;
}

/**
 * Signal to noise of values of a variant against the fp32 model, all losses before them included, in dB by the pair's name. Both compute
 * with optimisation disabled, so the result depends on the variant and hardly on the machine. Memory holds the values of one run.
 */
export async function compareValues(
  original: Uint8Array,
  variant: Uint8Array,
  pairs: readonly ValuePair[],
  source: CalibrationSource,
): Promise<Map<string, number>> {
  const sums = new Map<string, SignalAndNoise>(pairs.map(({ name }) => [name, { signal: 0, noise: 0 }]));
  const first = await TapSession.open(original, [...new Set(pairs.map((pair) => pair.original))]);
  try {
    const second = await TapSession.open(variant, [...new Set(pairs.map((pair) => pair.variant))]);
    try {
      for await (const feeds of source) {
        const exact = new Map<string, Float32Array>();
        await first.run(feeds, (name, { data }) => exact.set(name, data.slice()));
        await second.run(feeds, (name, { data }) => {
          for (const pair of pairs) {
            const wanted = exact.get(pair.original);
            const entry = sums.get(pair.name);
            if (pair.variant !== name || wanted === undefined || entry === undefined) continue;
            entry.signal += powerOf(wanted);
            entry.noise += noiseBetween(wanted, data);
          }
        });
      }
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
  return new Map([...sums].map(([name, entry]) => [name, decibels(entry)]));
}

/** Signal to noise of what each quantized layer computes, all losses before it included, dB by the layer's name. */
export function compareLayers(
  original: Uint8Array,
  variant: QuantizedModel,
  source: CalibrationSource,
): Promise<Map<string, number>> {
  const pairs = variant.layers.map(({ name, output, variantOutput }) => ({
    name,
    original: output,
    variant: variantOutput,
  }));
  return compareValues(original, variant.model, pairs, source);
}

/** Signal to noise of a variant's outputs against the fp32 model, dB by the output's name. */
export function compareOutputs(
  original: Uint8Array,
  variant: Uint8Array,
  source: CalibrationSource,
): Promise<Map<string, number>> {
  const pairs = EditableGraph.decode(original).outputs.map(({ name }) => ({ name, original: name, variant: name }));
  return compareValues(original, variant, pairs, source);
}
