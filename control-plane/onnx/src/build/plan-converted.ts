import type { VariantCard, VariantName } from "@sartor/shared/protocol";
import { chooseRanges } from "../calibrate/index.js";
import { ELEMENT } from "../graph/index.js";
import { convertToHalf, quantizeDynamic, quantizeWeights, type ValueRange } from "../quantize/index.js";
import type { BuildContext } from "./build-context.js";
import type { BuildNetwork } from "./build-network.js";
import { datasetReference } from "./card-values.js";
import { soloErrors } from "./solo-errors.js";
import type { Draft, VariantPlan } from "./variant-plan.js";

/** Weights of a column that share a scale. */
const BLOCK_SIZE = { 8: 64, 4: 32 } as const;
const MATRICES: ReadonlySet<string> = new Set(["MatMul", "Gemm"]);
const LAYERS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "MatMul", "Gemm"]);
/** Samples by which layers are ranked. */
const RANKING_SAMPLES = 16;

interface Conversion {
  readonly operators: ReadonlySet<string>;
  readonly convert: (model: Uint8Array, keepFloat: ReadonlySet<string>) => Draft;
  readonly notes: readonly string[];
  readonly batch: number;
  readonly roundsMoreOnDevices: boolean;
  readonly linted: boolean;
}

/** Plans a variant that needs no search: fp16, dynamic int8 and weights in 8 or 4 bits. Throws as its conversion does. */
export async function planConverted(
  name: VariantName,
  network: BuildNetwork,
  context: BuildContext,
): Promise<VariantPlan> {
  const conversion = await conversionOf(name, network, context);
  const samples = context.signalSamples(RANKING_SAMPLES);
  // A conversion that is impossible says so before anything is measured.
  conversion.convert(network.model, new Set());
  const errors =
    samples === undefined
      ? []
      : await soloErrors(
          network.model,
          conversion.operators,
          (model, keepFloat) => conversion.convert(model, keepFloat).model,
          samples,
        );
  return {
    name,
    network,
    build: async (keepFloat) => conversion.convert(network.model, keepFloat),
    errors,
    calibration: name === "fp16" ? overflowCalibration(context) : null,
    notes: conversion.notes,
    unfused: false,
    batch: conversion.batch,
    roundsMoreOnDevices: conversion.roundsMoreOnDevices,
    linted: conversion.linted,
  };
}

async function conversionOf(name: VariantName, network: BuildNetwork, context: BuildContext): Promise<Conversion> {
  const common = { batch: network.batch, roundsMoreOnDevices: false, linted: false, notes: [] };
  switch (name) {
    case "fp16": {
      const { ranges, notes } = await rangesOf(network, context);
      return {
        ...common,
        operators: LAYERS,
        convert: (model, keepFloat) => convertToHalf(model, { keepFloat, ...(ranges === null ? {} : { ranges }) }),
        notes: [
          "Evaluated on a CPU, which computes float16 in fp32 between its roundings; a GPU rounds more often, and the golden tolerance allows for that.",
          ...notes,
        ],
        roundsMoreOnDevices: true,
      };
    }
    case "int8-dynamic":
      return {
        ...common,
        operators: MATRICES,
        // Its integer products cannot be run unfused, so where they would saturate neither accuracy nor golden vectors could be had of 8 bits.
        convert: (model, keepFloat) =>
          quantizeDynamic(model, { keepFloat, reducedWeights: context.processor.saturates }),
        notes: context.processor.saturates
          ? [
              `Its weights have 7 bits, because the int8 kernels of ${context.processor.name}, where it was built, saturate with 8.`,
            ]
          : [],
        // Samples of one run would share their scales.
        batch: 1,
        linted: true,
      };
    default: {
      const bits = name === "int4-weight-only" ? 4 : 8;
      return {
        ...common,
        operators: MATRICES,
        convert: (model, keepFloat) => quantizeWeights(model, { bits, blockSize: BLOCK_SIZE[bits], keepFloat }),
      };
    }
  }
}

/** What fp16 takes from calibration: the largest values. */
function overflowCalibration({ request }: BuildContext): VariantCard["calibration"] {
  if (request.calibration === null) return null;
  const dataset = datasetReference(request.calibration);
  return { dataset, method: "min-max", biasCorrected: false, equalisedPairs: 0, tried: [] };
}

/** Calibrated ranges tell which values float16 cannot express; without them its overflow shows in the accuracy only. */
async function rangesOf(
  network: BuildNetwork,
  context: BuildContext,
): Promise<{ ranges: ReadonlyMap<string, ValueRange> | null; notes: string[] }> {
  if (context.calibration === null) {
    return { ranges: null, notes: ["Not calibrated: whether values overflow float16 was seen on few samples."] };
  }
  const calibration = await network.calibration();
  return { ranges: chooseRanges(calibration, "min-max", { type: ELEMENT.uint8, symmetric: false }), notes: [] };
}
