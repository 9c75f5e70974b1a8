import type { VariantName } from "@sartor/shared/protocol";
import { searchedAs, searchSamples } from "./build-network.js";
import type { PlannedStep } from "./progress.js";
import { isPruned, recipeOf } from "./variant-plan.js";

/** What decides how long a build takes. */
export interface BuildSize {
  readonly variants: readonly VariantName[];
  /** Samples. */
  readonly calibration: number;
  readonly evaluation: number;
  readonly equalise: boolean;
  readonly macs: number;
}

/** Costs of one sample, in runs of the fp32 network: measured on the road-sign network. */
const CALIBRATE = 6.5;
const SEARCH = 27;
/** What a variant costs without samples. */
const OVERHEAD = 600;

/** Steps of a build with what they are expected to cost, in runs of the fp32 network. */
export function planProgress({ variants, calibration, evaluation, equalise, macs }: BuildSize): PlannedStep[] {
  const steps = new Map<string, number>();
  if (evaluation > 0) steps.set("evaluate:fp32", evaluation);
  for (const name of variants) {
    steps.set(`make:${name}`, name === "fp32" ? OVERHEAD : OVERHEAD + evaluation * evaluationCost(name));
    const recipe = recipeOf(name);
    const network = isPruned(name) ? "pruned" : "fp32";
    if (calibration === 0 || (recipe === undefined && name !== "fp16")) continue;
    steps.set(`calibrate:${network}`, calibration * CALIBRATE);
    if (recipe === undefined) continue;
    if (equalise) steps.set(`equalise:${network}`, calibration * CALIBRATE);
    const passes = SEARCH * (equalise ? 2 : 1);
    steps.set(`search:${network}:${searchedAs(recipe)}`, searchSamples(calibration, macs) * passes);
  }
  return [...steps].map(([id, weight]) => ({ id, weight }));
}

/** Runs of a variant against those of fp32: unfused ones are slower on x86. */
function evaluationCost(name: VariantName): number {
  switch (recipeOf(name)) {
    case "u8s8":
    case "u8s8-reduced":
      return 0.5;
    case undefined:
      return name === "fp16" ? 1.5 : 1;
    default:
      return 1.8;
  }
}
