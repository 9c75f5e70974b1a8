import {
  type Calibration,
  type CalibrationFeeds,
  type CalibrationMethod,
  type CalibrationSource,
  chooseRanges,
} from "../calibrate/index.js";
import { type QuantizedModel, quantizeStatic, type StaticRecipe } from "../quantize/index.js";
import { biasCorrections } from "./bias-correction.js";
import { compareOutputs } from "./compare-models.js";
import { type LayerError, layerErrors } from "./layer-errors.js";

export interface SearchOptions {
  /** The folded fp32 model. */
  readonly model: Uint8Array;
  readonly recipe: StaticRecipe;
  readonly calibration: Calibration;
  /**
   * Samples, in several runs; read again for every candidate. Biases are corrected by every second run and candidates judged by the
   * others, so that a correction that only fits its own samples loses.
   */
  readonly samples: () => CalibrationSource;
  readonly methods?: readonly CalibrationMethod[];
  readonly keepFloat?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

/** A candidate and how well its outputs fit. */
export interface TriedCandidate {
  readonly method: CalibrationMethod;
  readonly biasCorrected: boolean;
  /** Signal to noise of the worst output, dB. */
  readonly decibels: number;
}

export interface FoundVariant extends TriedCandidate {
  readonly quantized: QuantizedModel;
  /** What each layer loses by itself before bias correction. */
  readonly errors: readonly LayerError[];
  readonly tried: readonly TriedCandidate[];
}

/** What won on trained and on drawn networks; min-max is always among them, so the result is never worse than plain min-max. */
const METHODS: readonly CalibrationMethod[] = ["least-squares", "percentile", "min-max"];

/**
 * Builds a static int8 variant with each calibration method, with and without bias correction, and keeps the one whose outputs have the
 * best signal to noise on the samples. Throws as quantizeStatic and TapSession do.
 */
export async function searchVariant(options: SearchOptions): Promise<FoundVariant> {
  const { model, recipe, calibration, samples } = options;
  const activation = { type: recipe.activation, symmetric: recipe.symmetricActivations };
  const keepFloat = options.keepFloat === undefined ? {} : { keepFloat: options.keepFloat };
  const tried: TriedCandidate[] = [];
  let best: Omit<FoundVariant, "tried"> | undefined;
  for (const method of options.methods ?? METHODS) {
    const ranges = chooseRanges(calibration, method, activation);
    const plain = quantizeStatic(model, { recipe, ranges, ...keepFloat });
    const errors = await layerErrors(model, plain, everySecond(samples(), 0));
    const corrected = quantizeStatic(model, { recipe, ranges, biasCorrections: biasCorrections(errors), ...keepFloat });
    for (const [quantized, biasCorrected] of [
      [plain, false],
      [corrected, true],
    ] as const) {
      options.signal?.throwIfAborted();
      const fit = await compareOutputs(model, quantized.model, everySecond(samples(), 1));
      const candidate = { method, biasCorrected, decibels: Math.min(...fit.values()) };
      tried.push(candidate);
      if (best === undefined || candidate.decibels > best.decibels) best = { ...candidate, quantized, errors };
    }
  }
  if (best === undefined) throw new RangeError("no calibration method was given");
  return { ...best, tried };
}

/** Runs 0, 2, 4, ... or 1, 3, 5, ...; where there is but one run, that one. */
async function* everySecond(source: CalibrationSource, first: 0 | 1): AsyncGenerator<CalibrationFeeds> {
  let index = 0;
  let only: CalibrationFeeds | undefined;
  for await (const feeds of source) {
    if (index === 0) only = feeds;
    if (index++ % 2 === first) yield feeds;
  }
  if (index === 1 && first === 1 && only !== undefined) yield only;
}
