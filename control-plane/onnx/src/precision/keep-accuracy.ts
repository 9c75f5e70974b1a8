import { SartorError } from "@sartor/shared/errors";
import type { LayerError } from "./layer-errors.js";

/** How accurate a variant must stay. */
export interface AccuracyPolicy {
  /** Least accuracy, 0 to 1. */
  readonly minimumAccuracy: number;
  /** Most layers that may return to fp32; beyond that a variant is no longer worth its name. */
  readonly maximumFloatLayers: number;
}

export interface KeepAccuracyOptions<Variant> {
  readonly policy: AccuracyPolicy;
  /** What each layer loses by itself, in any order. */
  readonly errors: readonly LayerError[];
  /** Builds the variant with these layers in fp32. */
  readonly build: (keepFloat: ReadonlySet<string>) => Promise<Variant>;
  /** Accuracy of a variant on the evaluation set, 0 to 1. */
  readonly evaluate: (variant: Variant) => Promise<number>;
  readonly onAttempt?: (attempt: Attempt) => void;
  /** What stays below the limit, for people, where it is no accuracy: "The signal to noise stays below 20 dB". */
  readonly shortfall?: string;
}

/** One variant that was built and evaluated. */
export interface Attempt {
  /** Layers that stayed in fp32, the worst first. */
  readonly floatLayers: readonly string[];
  readonly accuracy: number;
}

export interface KeptAccuracy<Variant> extends Attempt {
  readonly variant: Variant;
  readonly attempts: readonly Attempt[];
}

/**
 * Returns the layers with the least signal to noise to fp32, the worst first, until a variant keeps the accuracy that the policy asks for; then
 * takes back as many as it can between the last two steps.
 *
 * @throws SartorError SRT_QUANTIZE_INACCURATE: not even with the most layers allowed; details list the attempts
 */
export async function keepAccuracy<Variant>(options: KeepAccuracyOptions<Variant>): Promise<KeptAccuracy<Variant>> {
  const { policy, errors, build, evaluate } = options;
  const worstFirst = errors.toSorted((a, b) => a.decibels - b.decibels).map(({ name }) => name);
  const most = Math.min(policy.maximumFloatLayers, worstFirst.length - 1);
  const attempts: Attempt[] = [];
  const attempt = async (count: number): Promise<KeptAccuracy<Variant> | undefined> => {
    const floatLayers = worstFirst.slice(0, count);
    const variant = await build(new Set(floatLayers));
    const entry = { floatLayers, accuracy: await evaluate(variant) };
    attempts.push(entry);
    options.onAttempt?.(entry);
    return entry.accuracy >= policy.minimumAccuracy ? { ...entry, variant, attempts } : undefined;
  };
  let failed = -1;
  for (const count of steps(most)) {
    let found = await attempt(count);
    if (found === undefined) {
      failed = count;
      continue;
    }
    for (let passed = count; passed - failed > 1; ) {
      const middle = Math.floor((passed + failed) / 2);
      const better = await attempt(middle);
      if (better === undefined) failed = middle;
      else [found, passed] = [better, middle];
    }
    return found;
  }
  const shortfall = options.shortfall ?? `The accuracy stays below ${(policy.minimumAccuracy * 100).toFixed(2)} %`;
  throw new SartorError("SRT_QUANTIZE_INACCURATE", `${shortfall} even with ${Math.max(0, most)} layers in fp32.`, {
    details: { minimumAccuracy: policy.minimumAccuracy, attempts: attempts.slice(0, 32) },
  });
}

/** 0, 1, 2, 3, then twice as many each time, and the most allowed at the end. */
function steps(most: number): number[] {
  const counts = [0];
  for (let count = 1; count < most; count = count < 3 ? count + 1 : count * 2) counts.push(count);
  if (most > 0) counts.push(most);
  return counts;
}
