import type { TuningOrder, TuningVerdict } from "@sartor/shared/protocol";
import type { Interval } from "./bootstrap.js";

/** Below this part of the incumbent's time nothing is told apart. */
const SHORTEST_RATIO = 1e-6;

/** A candidate that was loaded and found right, and what was measured of it. */
export interface FitCandidate {
  readonly id: string;
  /** Its time by the incumbent's; undefined where that was not measured well enough. */
  readonly ratio: Interval | undefined;
  readonly runs: number;
  readonly rounds: number;
  readonly throttled: boolean;
}

/** What serves, as the measurements found it. */
export type IncumbentFinding =
  /** Nothing serves. */
  | { readonly kind: "none" }
  /** Something else serves than what was measured: a tuning chooses how a version runs, never which one. */
  | { readonly kind: "other_version"; readonly serving: string; readonly ordered: string }
  /** It could not be loaded a second time beside itself. */
  | { readonly kind: "not_comparable"; readonly id: string; readonly problem: string }
  /** It gives wrong outputs or does not run on its provider. */
  | { readonly kind: "unfit"; readonly id: string; readonly problem: string }
  | { readonly kind: "fit"; readonly id: string };

export interface VerdictInput {
  readonly incumbent: IncumbentFinding;
  /** Those that were not eliminated, in the plan's order; the incumbent is not among them. */
  readonly candidates: readonly FitCandidate[];
  readonly rules: TuningOrder["rules"];
  /** Time since the last switch, ms; undefined when there was none. */
  readonly sinceSwitchMs: number | undefined;
}

/**
 * What the measurements say. A switch needs a gain that is surely one (the interval's low end is above 0), large enough to be worth it (so
 * that what stays is slower than the best by less than the least gain), and some time since the last switch. A wrong incumbent has no such protection.
 */
export function planVerdict({ incumbent, candidates, rules, sinceSwitchMs }: VerdictInput): TuningVerdict {
  const best = fastest(candidates);
  switch (incumbent.kind) {
    case "other_version":
      return keep(
        null,
        `${incumbent.serving} serves, and ${incumbent.ordered} was measured: nothing is to be switched.`,
      );
    case "not_comparable":
      return keep(
        incumbent.id,
        `${incumbent.id} serves and could not be loaded beside itself, so that nothing was compared with it: ${incumbent.problem}`,
      );
    case "none":
      if (best === undefined) return keep(null, "Nothing serves, and no candidate is fit to run.");
      return switchTo(
        best.id,
        null,
        `Nothing serves, and ${best.id} is the fastest candidate that is fit to run (${evidence(best)}).`,
      );
    case "unfit":
      if (best === undefined)
        return keep(
          null,
          `${incumbent.id} serves and is not fit to run, and no candidate is either. ${incumbent.problem}`,
        );
      return switchTo(
        best.id,
        best.ratio === undefined ? null : gainOf(best.ratio),
        `${incumbent.id} serves and is not fit to run: ${incumbent.problem} ${best.id} is the fastest candidate that is (${evidence(best)}).`,
      );
    case "fit":
      return compare(incumbent.id, worthwhile(candidates, rules) ?? best, rules, sinceSwitchMs);
  }
}

function compare(
  incumbentId: string,
  best: FitCandidate | undefined,
  rules: TuningOrder["rules"],
  sinceSwitchMs: number | undefined,
): TuningVerdict {
  if (best?.ratio === undefined)
    return keep(incumbentId, `${incumbentId} stays: no other candidate was measured well enough to take its place.`);
  const gain = gainOf(best.ratio);
  const versus = `${best.id} needs ${percent(best.ratio.typical)} of the time of ${incumbentId} (${evidence(best)})`;
  if (gain.low <= 0) {
    const slower = best.ratio.low >= 1 ? "no candidate is faster" : "that may be chance";
    return keep(incumbentId, `${incumbentId} stays: the best of the others, ${versus}, and ${slower}.`);
  }
  if (gain.typical < rules.minimumGain)
    return keep(
      incumbentId,
      `${incumbentId} stays: ${versus}, is ${percent(gain.typical)} faster, and a switch is worth it from ${percent(rules.minimumGain)} on.`,
    );
  if (sinceSwitchMs !== undefined && sinceSwitchMs < rules.hysteresisMs)
    return {
      decision: "hold",
      candidateId: best.id,
      gain,
      reason: `${versus}, but the last switch was ${hours(sinceSwitchMs)} ago and the next is made after ${hours(rules.hysteresisMs)}.`,
    };
  return switchTo(
    best.id,
    gain,
    `${versus}: it is ${percent(gain.typical)} faster, and ${percent(gain.low)} at least.`,
  );
}

/** The fastest of those whose gain is surely one and large enough: what may be faster still, or not, takes nobody's place from them. */
function worthwhile(candidates: readonly FitCandidate[], { minimumGain }: TuningOrder["rules"]) {
  return fastest(
    candidates.filter(({ ratio }) => {
      if (ratio === undefined) return false;
      const { low, typical } = gainOf(ratio);
      return low > 0 && typical >= minimumGain;
    }),
  );
}

/** The fastest of those that were measured; where none was, the plan's first. */
function fastest(candidates: readonly FitCandidate[]): FitCandidate | undefined {
  const time = ({ ratio }: FitCandidate) => ratio?.typical ?? Number.POSITIVE_INFINITY;
  return candidates.reduce<FitCandidate | undefined>(
    (best, candidate) => (best === undefined || time(candidate) < time(best) ? candidate : best),
    undefined,
  );
}

const keep = (candidateId: string | null, reason: string): TuningVerdict => ({
  decision: "keep",
  candidateId,
  gain: null,
  reason,
});

const switchTo = (candidateId: string, gain: TuningVerdict["gain"], reason: string): TuningVerdict => ({
  decision: "switch",
  candidateId,
  gain,
  reason,
});

/** The incumbent's time by the candidate's - 1. A longer time is a smaller gain: low and high change places. */
const gainOf = ({ low, typical, high }: Interval) => ({
  low: fasterBy(high),
  typical: fasterBy(typical),
  high: fasterBy(low),
});

/** A clock too coarse for a model says that it takes no time: on the wire, that is finite. */
const fasterBy = (ratio: number): number => 1 / Math.max(ratio, SHORTEST_RATIO) - 1;

function evidence({ ratio, runs, rounds, throttled }: FitCandidate): string {
  const interval = ratio === undefined ? "" : `95 % interval ${percent(ratio.low)} to ${percent(ratio.high)}, `;
  const heat = throttled ? ", most of them while the device throttled or was busy" : "";
  return `${interval}${runs} runs in ${rounds} rounds${heat}`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const hours = (ms: number) => `${(ms / 3_600_000).toFixed(1)} h`;
