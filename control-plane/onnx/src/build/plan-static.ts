import { SartorError } from "@sartor/shared/errors";
import type { VariantName } from "@sartor/shared/protocol";
import { chooseRanges } from "../calibrate/index.js";
import { biasCorrections } from "../precision/index.js";
import { type QuantizedModel, quantizeStatic, STATIC_RECIPES, type StaticRecipe } from "../quantize/index.js";
import type { BuildContext } from "./build-context.js";
import type { BuildNetwork, FoundQuantization } from "./build-network.js";
import { datasetReference, finiteDecibels } from "./card-values.js";
import { recipeOf, type VariantPlan } from "./variant-plan.js";

/**
 * Plans a static int8 variant: searches scales, biases and equalisation.
 *
 * @throws SartorError SRT_CALIBRATION_EMPTY: there is no calibration set; as the search does
 */
export async function planStatic(
  name: VariantName,
  network: BuildNetwork,
  context: BuildContext,
): Promise<VariantPlan> {
  const recipe = STATIC_RECIPES[recipeOf(name) ?? "u8s8"];
  const dataset = context.request.calibration;
  if (dataset === null) {
    throw new SartorError("SRT_CALIBRATION_EMPTY", "Static int8 needs calibration samples, and the build has none.");
  }
  const search = await network.search(recipe.name);
  const { found, equalisedPairs } = search;
  const twin = twinOf(recipe, context.processor);
  return {
    name,
    network,
    build: async (keepFloat) => write(search, recipe, keepFloat),
    errors: found.errors,
    calibration: {
      dataset: datasetReference(dataset),
      method: found.method,
      biasCorrected: found.biasCorrected,
      equalisedPairs,
      tried: search.tried.map(({ method, biasCorrected, equalised, decibels }) => {
        return { method, biasCorrected, equalised, decibels: finiteDecibels(decibels) };
      }),
    },
    notes: notesOf(recipe, context.processor),
    unfused: saturatesIn(recipe, context.processor),
    batch: network.batch,
    ...(twin === undefined ? {} : { twin: async (keepFloat) => write(search, twin, keepFloat).model }),
    roundsMoreOnDevices: false,
    linted: recipe.name !== "tensorrt",
  };
}

function write(search: FoundQuantization, recipe: StaticRecipe, keepFloat: ReadonlySet<string>): QuantizedModel {
  const { found, model, calibration } = search;
  const activation = { type: recipe.activation, symmetric: recipe.symmetricActivations };
  return quantizeStatic(model, {
    recipe,
    keepFloat,
    ranges: chooseRanges(calibration, found.method, activation),
    ...(found.biasCorrected ? { biasCorrections: biasCorrections(found.errors) } : {}),
  });
}

type Kernels = BuildContext["processor"];

/**
 * Whether this machine's kernels would saturate where those of the machines that the recipe is for do not. That is also so with signed
 * activations, of which ONNX Runtime leaves most in float on x86, but not all.
 */
export function saturatesIn(recipe: StaticRecipe, { saturates }: Kernels): boolean {
  return saturates && !recipe.reducedWeights;
}

/**
 * How far fused int8 kernels of other processors are from unfused execution can only be seen where such kernels run. On x86 that is with
 * unsigned activations, and without VNNI with 7-bit weights; the steps are the same.
 */
export function twinOf(recipe: StaticRecipe, { saturates, signedKernels }: Kernels): StaticRecipe | undefined {
  const runsHere = recipe.quantizedResults && (recipe.activation === STATIC_RECIPES.u8s8.activation || signedKernels);
  if (runsHere && !saturatesIn(recipe, { name: "", saturates, signedKernels })) return undefined;
  const base = STATIC_RECIPES[saturates ? "u8s8-reduced" : "u8s8"];
  return { ...base, symmetricActivations: recipe.symmetricActivations };
}

function notesOf(recipe: StaticRecipe, kernels: Kernels): string[] {
  const { name, signedKernels } = kernels;
  const notes: string[] = [];
  if (recipe.name === "tensorrt") {
    notes.push(
      "Made for TensorRT, which is not here: accuracy and golden vectors are those of ONNX Runtime's CPU provider.",
    );
  } else if (recipe.activation !== STATIC_RECIPES.u8s8.activation && !signedKernels) {
    notes.push(
      `Evaluated on ${name}, where ONNX Runtime computes most of signed int8 in float between Q and DQ: the accuracy holds, speed and fusion say nothing about ARM.`,
    );
  }
  if (saturatesIn(recipe, kernels)) {
    const instead = recipe.name === "u8s8" ? "; on a processor without VNNI or AMX run int8-u8s8-reduced" : "";
    notes.push(`Evaluated without fused kernels, because those of ${name} saturate${instead}.`);
  }
  return notes;
}
