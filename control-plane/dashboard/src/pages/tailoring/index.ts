export { CandidateCost } from "./candidate-item.js";
export { type DeviceKind, kindsOfDevices } from "./device-kinds.js";
export { PlanView } from "./plan-view.js";
export { basisWords, chosenOf, placeWords, providerWords } from "./plan-words.js";
export { Sentences } from "./sentences.js";
export { VARIANTS, type VariantWords, variantWords } from "./variant-words.js";
