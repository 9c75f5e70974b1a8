export * from "./numbers.js";
export * from "./sort.js";
export * from "./time.js";
export * from "./words.js";
