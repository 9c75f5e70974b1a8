import { exactMcNemar } from "../precision/index.js";

/** How a variant classifies, beside the fp32 model. */
export interface ClassificationReport {
  readonly samples: number;
  /** Share of samples classified rightly, 0 to 1. */
  readonly accuracy: number;
  readonly referenceAccuracy: number;
  /** Share of each class's samples classified rightly; null for a class without samples. */
  readonly recallByClass: readonly (number | null)[];
  /** Share of samples in which both name the same class. */
  readonly agreement: number;
  /** Samples that only one of the two gets right. */
  readonly onlyVariantRight: number;
  readonly onlyReferenceRight: number;
  /** Exact McNemar test of equal accuracy, two-sided. */
  readonly pValue: number;
}

/**
 * Compares a variant's classes with the fp32 model's on the same samples.
 *
 * @param labels true class of each sample, 0 to `classes` - 1
 * @throws RangeError where the lists differ in length
 */
export function classificationReport(
  labels: ArrayLike<number>,
  reference: ArrayLike<number>,
  variant: ArrayLike<number>,
  classes: number,
): ClassificationReport {
  const samples = labels.length;
  if (reference.length !== samples || variant.length !== samples) {
    throw new RangeError(`${samples} labels, ${reference.length} and ${variant.length} predictions`);
  }
  const seen = new Uint32Array(classes);
  const right = new Uint32Array(classes);
  let [same, both, onlyReference, onlyVariant] = [0, 0, 0, 0];
  for (let index = 0; index < samples; index++) {
    const label = labels[index] ?? -1;
    const [byReference, byVariant] = [reference[index] === label, variant[index] === label];
    if (reference[index] === variant[index]) same++;
    if (byReference && byVariant) both++;
    else if (byReference) onlyReference++;
    else if (byVariant) onlyVariant++;
    if (label < 0 || label >= classes) continue;
    seen[label] = (seen[label] ?? 0) + 1;
    if (byVariant) right[label] = (right[label] ?? 0) + 1;
  }
  const share = (count: number) => (samples === 0 ? 0 : count / samples);
  return {
    samples,
    accuracy: share(both + onlyVariant),
    referenceAccuracy: share(both + onlyReference),
    recallByClass: Array.from(seen, (count, index) => (count === 0 ? null : (right[index] ?? 0) / count)),
    agreement: share(same),
    onlyVariantRight: onlyVariant,
    onlyReferenceRight: onlyReference,
    pValue: exactMcNemar(onlyVariant, onlyReference),
  };
}
