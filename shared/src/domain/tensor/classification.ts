/** One class with its probability. */
export interface ClassProbability {
  readonly index: number;
  readonly probability: number;
}

/** What a classifier says about one image. */
export interface Classification {
  /** The most probable classes, best first. */
  readonly top: readonly ClassProbability[];
  /** Shannon entropy of the class distribution, nats; 0 for certainty, ln(classes) for none. */
  readonly entropy: number;
}

/**
 * Softmax in float64, shifted by the largest logit so that nothing overflows. All-NaN or infinite logits give NaN.
 */
export function softmax(logits: ArrayLike<number>): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < logits.length; index++) largest = Math.max(largest, logits[index] as number);
  const values = new Float64Array(logits.length);
  let sum = 0;
  for (let index = 0; index < values.length; index++) {
    const value = Math.exp((logits[index] as number) - largest);
    values[index] = value;
    sum += value;
  }
  for (let index = 0; index < values.length; index++) values[index] = (values[index] as number) / sum;
  return values;
}

/** Shannon entropy -sum(p ln p), nats. */
export function entropy(probabilities: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < probabilities.length; index++) {
    const probability = probabilities[index] as number;
    if (probability > 0) sum -= probability * Math.log(probability);
  }
  return Math.max(0, sum);
}

/** The `count` largest values with their indices, largest first; of equals the smaller index comes first. */
export function topClasses(probabilities: ArrayLike<number>, count: number): ClassProbability[] {
  const top: ClassProbability[] = [];
  for (let index = 0; index < probabilities.length; index++) {
    const probability = probabilities[index] as number;
    const last = top[count - 1];
    if (last !== undefined && probability <= last.probability) continue;
    let position = top.length;
    while (position > 0 && probability > (top[position - 1] as ClassProbability).probability) position--;
    top.splice(position, 0, { index, probability });
    if (top.length > count) top.pop();
  }
  return top;
}

/** Reads one row of a classifier's output: `softmax` for logits, `none` where the model gives probabilities. */
export function classifyRow(
  values: ArrayLike<number>,
  postprocessing: "softmax" | "none",
  count: number,
): Classification {
  const probabilities = postprocessing === "softmax" ? softmax(values) : values;
  return { top: topClasses(probabilities, count), entropy: entropy(probabilities) };
}
