import type { TuningReportBody } from "@sartor/agent/tuning";
import { printTable } from "./table.js";
import type { JudgedPoint } from "./tuning-judge.js";

/** Timed runs of each point that an exhaustive search takes: the least that support a 99th percentile. */
export const EXHAUSTIVE_RUNS = 662;
const LEAST_SPEEDUP = 2;
const MOST_REGRET = 0.05;
const MOST_SHARE_OF_RUNS = 1 / 5;
/** Most accuracy that the choice may lose against fp32, share of the evaluation set. */
const MOST_LOSS = 0.003;

/** One thing that must hold. */
interface Line {
  readonly holds: boolean;
  readonly text: string;
}

/** Prints what the tuner chose beside what the exhaustive search found. @returns whether everything that must hold does */
export async function reportChoice(
  about: string,
  report: TuningReportBody,
  judged: readonly JudgedPoint[],
  runOff: (ids: readonly [string, string]) => Promise<number>,
): Promise<boolean> {
  const runnable = judged.filter(({ refused, runs }) => refused === undefined && runs > 0);
  const chosenId = report.verdict?.candidateId ?? "";
  const served = find(runnable, report.incumbent?.candidateId ?? "");
  const chosen = find(runnable, chosenId);
  const best = fastest(runnable);
  printTable(
    about,
    ["variant, provider, threads", "p50 ms", "p95 ms", "of fp32", "tuner: runs", "tuner: p50 ms", ""],
    judged.map((point) => rowOf(point, report, { served, chosen, best })),
  );
  const float = fastest(runnable.filter(({ variant }) => variant.kind === "fp32"));
  const lines = [
    speedup(chosen, served, float, runnable),
    regret(chosen, best, runnable.length, chosen.id === best.id ? 0 : await runOff([chosen.id, best.id])),
    effort(report, runnable),
    ...accuracy(chosen),
  ];
  const { durationMs, cpuShare, verdict } = report;
  process.stdout.write(
    `\n${[
      `${verdict?.decision}: ${verdict?.reason}`,
      `${(durationMs / 1000).toFixed(0)} s, ${(100 * cpuShare).toFixed(0)} % of the CPU; ${discarded(report)} rounds discarded`,
      ...lines.map(({ holds, text }) => `${holds ? "holds" : "FAILS"}: ${text}`),
    ].join("\n")}\n`,
  );
  return lines.every(({ holds }) => holds);
}

function rowOf(
  { id, p50Ms, p95Ms, refused }: JudgedPoint,
  { results }: TuningReportBody,
  { served, chosen, best }: { served: JudgedPoint; chosen: JudgedPoint; best: JudgedPoint },
): string[] {
  const tuned = results.find(({ candidateId }) => candidateId === id);
  const marks = [
    ...(id === served.id ? ["served"] : []),
    ...(id === chosen.id ? ["chosen"] : []),
    ...(id === best.id ? ["best"] : []),
    ...(refused === undefined ? [] : [refused]),
  ];
  return [
    id,
    p50Ms.toFixed(3),
    p95Ms.toFixed(3),
    (p50Ms / served.p50Ms).toFixed(2),
    tuned === undefined ? "" : String(tuned.runs),
    tuned?.p50Ms == null ? "" : tuned.p50Ms.toFixed(3),
    marks.join(", "),
  ];
}

/** int8 pays where its fastest point is faster than every fp32 one. */
function speedup(chosen: JudgedPoint, served: JudgedPoint, float: JudgedPoint, points: readonly JudgedPoint[]): Line {
  const pays = points.some(({ variant, p50Ms }) => variant.kind.startsWith("int8") && p50Ms < float.p50Ms);
  const times = (other: JudgedPoint) => (other.p50Ms / chosen.p50Ms).toFixed(2);
  return {
    holds: !pays || served.p50Ms / chosen.p50Ms >= LEAST_SPEEDUP,
    text: `${chosen.id} is ${times(served)} times as fast as fp32 as it served (${served.id}), ${times(float)} times as its fastest point (${float.id}); ${pays ? `at least ${LEAST_SPEEDUP} against the first` : "int8 does not pay here"}`,
  };
}

/** @param headToHead how much longer the choice takes in the run-off, which decides; 0 when it is the best */
function regret(chosen: JudgedPoint, best: JudgedPoint, points: number, headToHead: number): Line {
  const inSearch = chosen.p50Ms / best.p50Ms - 1;
  return {
    holds: headToHead <= MOST_REGRET,
    text: `head to head it takes ${percent(headToHead)} longer than the best of ${points} points (${best.id}; ${percent(inSearch)} in the search); at most ${percent(MOST_REGRET)}`,
  };
}

/** Everything that the tuner ran, warm-ups and the incumbent's runs too, by the timed runs of the search alone. */
function effort({ totalRuns }: TuningReportBody, points: readonly JudgedPoint[]): Line {
  const exhaustive = points.length * EXHAUSTIVE_RUNS;
  const judgedBy = points[0]?.runs ?? 0;
  const note = judgedBy === EXHAUSTIVE_RUNS ? "" : `; judged here by ${judgedBy} runs a point`;
  return {
    holds: totalRuns <= MOST_SHARE_OF_RUNS * exhaustive,
    text: `the tuner ran ${totalRuns} inferences, ${percent(totalRuns / exhaustive)} of the search's ${points.length} x ${EXHAUSTIVE_RUNS}; at most ${percent(MOST_SHARE_OF_RUNS)}${note}`,
  };
}

function accuracy({ variant }: JudgedPoint): Line[] {
  const measured = variant.card.accuracy;
  if (measured === null) return [];
  const loss = measured.referenceAccuracy - measured.accuracy;
  return [
    {
      holds: loss <= MOST_LOSS,
      text: `${variant.name} gets ${percent(measured.accuracy, 2)} of ${measured.dataset.samples} samples right, fp32 ${percent(measured.referenceAccuracy, 2)}; at most ${(100 * MOST_LOSS).toFixed(1)} points less`,
    },
  ];
}

const discarded = ({ results }: TuningReportBody): number =>
  results.reduce((sum, { discardedRounds }) => sum + discardedRounds, 0);

function find(points: readonly JudgedPoint[], id: string): JudgedPoint {
  const found = points.find((point) => point.id === id);
  if (found === undefined) throw new Error(`the exhaustive search has no point "${id}" that runs`);
  return found;
}

function fastest(points: readonly JudgedPoint[]): JudgedPoint {
  const [first, ...others] = points;
  if (first === undefined) throw new Error("nothing runs on this machine");
  return others.reduce((best, point) => (point.p50Ms < best.p50Ms ? point : best), first);
}

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
