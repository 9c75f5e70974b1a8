export { HALF_LIFE_DAYS, MAXIMUM_AGE_DAYS, MINIMUM_RUNS, TRUSTED_WEIGHT } from "./evidence.js";
export {
  baselineAccuracy,
  type ModelCard,
  type ModelVariantCard,
  modelCardSchema,
  modelVariantCardSchema,
} from "./model-card.js";
export { planTailoring, type TailoringInput } from "./plan-tailoring.js";
export { kindName, providerName } from "./wording.js";
