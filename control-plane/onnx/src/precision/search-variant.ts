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

/** What won on trained and on drawn networks. */
const METHODS: readonly CalibrationMethod[] = ["least-squares", "percentile", "min-max"];

/**
 * Builds a static int8 variant with each calibration method, with and without bias correction, and keeps the one whose outputs have the
 * best signal to noise on the samples; plain min-max is one of them. The winner's correction is then measured anew on all samples. Throws as
 * quantizeStatic and TapSession do.
 */
export async function searchVariant(options: SearchOptions): Promise<FoundVariant> {
  const { samples } = options;
  const tried: TriedCandidate[] = [];
  let best: TriedCandidate | undefined;
  for (const method of options.methods ?? METHODS) {
    const plain = build(options, method);
    const errors = await layerErrors(options.model, plain, everySecond(samples(), 0));
    const corrected = build(options, method, errors);
    for (const [{ model }, biasCorrected] of [
      [plain, false],
      [corrected, true],
    ] as const) {
      options.signal?.throwIfAborted();
      const fit = await compareOutputs(options.model, model, everySecond(samples(), 1));
      const candidate = { method, biasCorrected, decibels: Math.min(...fit.values()) };
      tried.push(candidate);
      if (best === undefined || candidate.decibels > best.decibels) best = candidate;
    }
  }
  if (best === undefined) throw new RangeError("no calibration method was given");
  const plain = build(options, best.method);
  const errors = await layerErrors(options.model, plain, samples());
  return { ...best, quantized: best.biasCorrected ? build(options, best.method, errors) : plain, errors, tried };
}

function build(options: SearchOptions, method: CalibrationMethod, errors?: readonly LayerError[]): QuantizedModel {
  const { model, recipe, calibration, keepFloat } = options;
  const activation = { type: recipe.activation, symmetric: recipe.symmetricActivations };
  return quantizeStatic(model, {
    recipe,
    ranges: chooseRanges(calibration, method, activation),
    ...(keepFloat === undefined ? {} : { keepFloat }),
    ...(errors === undefined ? {} : { biasCorrections: biasCorrections(errors) }),
  });
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
