import type { ValueRange } from "../quantize/index.js";
import type { Calibration } from "./calibrate-model.js";
import { type ActivationType, bestMethodFor, type RangeMethod, rangeOf } from "./range-methods.js";

/** `least-error` chooses for each value the method with the least squared error. */
export type CalibrationMethod = RangeMethod | "least-error";

/** Every method that {@link chooseRanges} takes. */
export const CALIBRATION_METHODS = [
  "min-max",
  "mean-min-max",
  "percentile",
  "least-squares",
  "entropy",
  "least-error",
] as const satisfies readonly CalibrationMethod[];

const CANDIDATES: readonly RangeMethod[] = ["mean-min-max", "least-squares", "percentile", "min-max", "entropy"];

/** Ranges of all calibrated values by one method. */
export function chooseRanges(
  { statistics }: Calibration,
  method: CalibrationMethod,
  activation: ActivationType,
): Map<string, ValueRange> {
  const ranges = new Map<string, ValueRange>();
  for (const [name, entry] of statistics) {
    if (entry.samples === 0) continue;
    const chosen = method === "least-error" ? bestMethodFor(entry, CANDIDATES, activation) : method;
    ranges.set(name, rangeOf(entry, chosen, activation));
  }
  return ranges;
}
