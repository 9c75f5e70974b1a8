export {
  candidateKey,
  HALF_LIFE_DAYS,
  isSpinning,
  MAXIMUM_AGE_DAYS,
  MINIMUM_RUNS,
  TRUSTED_WEIGHT,
} from "./evidence.js";
export {
  accuracyLoss,
  baselineAccuracy,
  baselineOf,
  type ModelCard,
  type ModelVariantCard,
  macsOf,
  modelCardSchema,
  modelVariantCardSchema,
} from "./model-card.js";
export { planTailoring, type TailoringInput } from "./plan-tailoring.js";
export { kindName, providerName } from "./wording.js";
