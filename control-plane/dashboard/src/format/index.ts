export { chanceWords, formatDecibels, formatGain, formatPoints, formatPValue } from "./difference.js";
export * from "./numbers.js";
export * from "./sort.js";
export * from "./time.js";
export * from "./words.js";
