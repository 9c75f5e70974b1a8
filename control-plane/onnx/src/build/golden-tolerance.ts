import type { GoldenTolerance } from "@sartor/shared/protocol";

/** Kernels of other processors differ otherwise than those that were measured. */
const HEADROOM = 3;

/** What was measured of a variant on its golden inputs. */
export interface GoldenMeasurement {
  /** Largest difference between executions that may both be right. */
  readonly largestDifference: number;
  /** Distance between the two greatest values of the first output, one a row. */
  readonly margins: readonly number[];
}

/**
 * What a variant's golden vectors must hold on a device: three times the difference that was seen, and never less than the version's own
 * tolerance. The first class must agree as the version demands, rows left out in which two classes are closer than the tolerance: there
 * both answers are right.
 *
 * @param floor the version's tolerance
 */
export function toleranceOf(measured: GoldenMeasurement, floor: GoldenTolerance): GoldenTolerance {
  const absoluteTolerance = roundUp(Math.max(floor.absoluteTolerance, measured.largestDifference * HEADROOM));
  const { margins } = measured;
  const ties = margins.filter((margin) => margin <= absoluteTolerance).length;
  const decided = margins.length === 0 ? 1 : (margins.length - ties) / margins.length;
  return {
    absoluteTolerance,
    relativeTolerance: floor.relativeTolerance,
    minimumTopOneAgreement: Math.min(floor.minimumTopOneAgreement, decided),
  };
}

/** Two significant digits, so that a manifest can be read. */
function roundUp(value: number): number {
  if (value === 0) return 0;
  const step = 10 ** (Math.floor(Math.log10(value)) - 1);
  const rounded = Number((Math.ceil(value / step - 1e-9) * step).toPrecision(2));
  return rounded >= value ? rounded : Number((rounded + step).toPrecision(2));
}

/** Distance between the two greatest values of each row. */
export function marginsOf(values: ArrayLike<number>, row: number): number[] {
  const margins: number[] = [];
  if (row < 2) return margins;
  for (let from = 0; from + row <= values.length; from += row) {
    let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let index = from; index < from + row; index++) {
      const value = values[index] ?? Number.NEGATIVE_INFINITY;
      if (value > first) [first, second] = [value, first];
      else if (value > second) second = value;
    }
    margins.push(first - second);
  }
  return margins;
}
