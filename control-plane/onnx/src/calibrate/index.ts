export { ActivationStatistics } from "./activation-statistics.js";
export * from "./calibrate-model.js";
export * from "./calibration-source.js";
export * from "./choose-ranges.js";
export { Histogram } from "./histogram.js";
export * from "./range-methods.js";
export { packGroups, type TappedTensor, TapSession } from "./tap-session.js";
