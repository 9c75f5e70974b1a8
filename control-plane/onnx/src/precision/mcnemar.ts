/**
 * Exact McNemar test: are two classifiers, judged on the same samples, equally often right? Only samples count that exactly one of them
 * gets right; under equality each such sample is a fair coin. (McNemar, Psychometrika 12, 1947; two-sided binomial form.)
 *
 * @param onlyFirst samples that only the first gets right
 * @param onlySecond samples that only the second gets right
 * @returns the two-sided p-value, in (0, 1]
 */
export function exactMcNemar(onlyFirst: number, onlySecond: number): number {
  for (const count of [onlyFirst, onlySecond]) {
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`${count} is no number of samples`);
  }
  const total = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  if (onlyFirst === onlySecond) return 1;
  // Terms grow towards the last one: start there and walk down until they no longer count.
  let ratio = 1;
  let sum = 1;
  for (let wins = fewer; wins > 0; wins--) {
    ratio *= wins / (total - wins + 1);
    sum += ratio;
    if (ratio < sum * 1e-18) break;
  }
  return Math.min(1, 2 * Math.exp(logChoose(total, fewer) - total * Math.LN2) * sum);
}

/** Natural logarithm of n over k, with k at most n / 2. */
function logChoose(n: number, k: number): number {
  if (k < 1000) {
    let sum = 0;
    for (let factor = 1; factor <= k; factor++) sum += Math.log((n - k + factor) / factor);
    return sum;
  }
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Stirling's series; exact to double precision from 1,000 on. */
function logFactorial(n: number): number {
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + 1 / (12 * n) - 1 / (360 * n ** 3);
}
