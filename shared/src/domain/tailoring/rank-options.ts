import { MAXIMUM_CANDIDATES, type PredictedCost } from "../../protocol/index.js";
import type { Standing } from "../hardware/index.js";
import { type Option, optionKey } from "./predict-cost.js";

/** An option with its predicted cost. */
export interface PricedOption {
  readonly option: Option;
  readonly predicted: PredictedCost;
}

/** Numbers of threads of one variant on one provider that a plan may spend places on. */
const THREADS_PER_VARIANT = 2;
/** Candidates that are tried with spinning threads, too, before anybody measured it: the best ones that have several threads. */
const SPINNING_TRIED = 2;
/** Places for variants that nobody measured yet and that promise to be faster than all that were measured, however many those are. */
const UNTRIED_PLACES = 2;
/** What only a measurement can judge has to promise this much more than what is known to be good, to go before it. */
const UNPROVEN = 1.15;
/** What the profile expects to lose comes after everything else. */
const AVOIDED = 1e9;
const PENALTY: Readonly<Record<Standing, number>> = { prefer: 1, measure: UNPROVEN, avoid: AVOIDED, never: AVOIDED };

/** Expected latency, ms, made worse by how little speaks for the option. */
const promise = ({ option, predicted }: PricedOption): number =>
  predicted.latencyMs.typical * PENALTY[option.precision.standing];

/** Equal costs: the more accurate, then the smaller, then the one with fewer threads, then by name, so that there is one order only. */
function settle(a: PricedOption, b: PricedOption): number {
  const [x, y] = [a.option, b.option];
  return (
    (y.variant.accuracy ?? 0) - (x.variant.accuracy ?? 0) ||
    x.variant.fileBytes - y.variant.fileBytes ||
    x.threads - y.threads ||
    (optionKey(x) < optionKey(y) ? -1 : 1)
  );
}

/** True for the whole network in fp32 on the CPU: what runs everywhere. A pruned one is no fallback: it is less accurate. */
export const isFallback = ({ option }: PricedOption): boolean =>
  option.baseline && option.provider.facts.name === "cpu";

/**
 * The whole order. Past measurements beat rules: once two or more options were measured on this type, those come first, in the
 * order of their measured median, which is what a tuning on a device judges by, too; a limit on the 95th percentile is the policy's. One measured option alone was compared with nothing: it stands where its latency puts
 * it. What was not measured is ordered by expected latency, with a handicap for what the profile would measure before it trusts it, and
 * after all others what the profile avoids.
 */
export function orderOptions(options: readonly PricedOption[]): PricedOption[] {
  const measured = options
    .filter(({ predicted }) => predicted.basis === "measured")
    .sort((a, b) => a.predicted.latencyMs.typical - b.predicted.latencyMs.typical || settle(a, b));
  const others = options
    .filter(({ predicted }) => predicted.basis !== "measured")
    .sort((a, b) => promise(a) - promise(b) || settle(a, b));
  const [only] = measured;
  if (only === undefined || measured.length > 1) return [...measured, ...others];
  const place = others.findIndex((other) => promise(other) >= only.predicted.latencyMs.typical);
  return place === -1 ? [...others, only] : [...others.slice(0, place), only, ...others.slice(place)];
}

/** The best option of each variant and provider of which nothing was measured yet, where it promises to be faster than all that was. */
function untried(pool: readonly PricedOption[]): PricedOption[] {
  const measured = pool.filter(({ predicted }) => predicted.basis === "measured");
  if (measured.length === 0) return [];
  const tried = new Set(measured.map(pairOf));
  const fastest = Math.min(...measured.map(({ predicted }) => predicted.latencyMs.typical));
  const found = new Map<string, PricedOption>();
  for (const entry of pool) {
    const pair = pairOf(entry);
    if (tried.has(pair) || found.has(pair) || entry.option.spinning || promise(entry) >= fastest) continue;
    found.set(pair, entry);
  }
  return [...found.values()].slice(0, UNTRIED_PLACES);
}

const pairOf = ({ option }: PricedOption): string => `${option.variant.name} ${option.provider.facts.name}`;

/**
 * Picks the candidates from the order: at most six, at most two numbers of threads a variant unless they were measured, the best
 * number of threads of the two best variants with spinning, too, options that the profile avoids only when there is nothing else or a
 * measurement speaks for them, always the fallback, and what was built since others were measured.
 */
export function pickCandidates(ordered: readonly PricedOption[]): PricedOption[] {
  const known = ordered.filter(
    ({ option, predicted }) => predicted.basis === "measured" || option.precision.standing !== "avoid",
  );
  const pool = known.length > 0 ? known : ordered;
  const used = new Map<string, number>();
  let spinning = 0;
  const picked: PricedOption[] = [];
  for (const entry of pool) {
    const name = pairOf(entry);
    const count = used.get(name) ?? 0;
    if (picked.length === MAXIMUM_CANDIDATES) break;
    const measured = entry.predicted.basis === "measured";
    if (entry.option.spinning && !measured) {
      if (spinning === SPINNING_TRIED || !isTwinOf(entry, picked)) continue;
      spinning += 1;
      picked.push(entry);
      continue;
    }
    if (!measured && count >= THREADS_PER_VARIANT) continue;
    used.set(name, count + 1);
    picked.push(entry);
  }
  const fallback = picked.find(isFallback) ?? pool.find(isFallback);
  const chosen = new Set([...untried(pool), ...(fallback === undefined ? [] : [fallback])]);
  for (const entry of picked) if (chosen.size < MAXIMUM_CANDIDATES) chosen.add(entry);
  return pool.filter((entry) => chosen.has(entry));
}

/** Whether a spinning option is the same otherwise as the first of its variant that was picked. */
function isTwinOf({ option }: PricedOption, picked: readonly PricedOption[]): boolean {
  const first = picked.find((other) => {
    return other.option.variant.name === option.variant.name && other.option.provider === option.provider;
  });
  return first !== undefined && !first.option.spinning && first.option.threads === option.threads;
}
