import { setTimeout as delay } from "node:timers/promises";
import type { CandidateProcess, CandidateProcesses } from "@sartor/agent/runtime";
import { candidateKey } from "@sartor/shared/domain/tailoring";
import type { RuntimeSettings } from "@sartor/shared/protocol";
import { seededRandom } from "../support/tiny-model.js";
import { quantile } from "./table.js";
import type { InstalledVariant } from "./tuning-bundles.js";

/** Runs in one go, as the tuner has them. */
const BLOCK_RUNS = 8;
const WARM_UPS = 2;
/** How often every point is loaded anew, so that no process's luck with its memory decides. */
const LOADINGS = 3;
/** The same for a run-off of two. */
const RUN_OFF_LOADINGS = 12;
/**
 * Pause between blocks, ms: longer than threads that spin go on for after a run (45 ms on an AMD EPYC). Beside such a thread, the block of
 * whoever is next runs on one core less, and with two points that differ in nothing the medians of a run-off were 9.8 % apart.
 */
const PAUSE_MS = 60;

/** Nobody interrupts the search. */
const NEVER = new AbortController().signal;

/** One way to run the model, measured by the exhaustive search. */
export interface JudgedPoint {
  readonly id: string;
  readonly variant: InstalledVariant;
  /** Undefined where it runs. */
  readonly refused?: string;
  readonly runs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

interface Point {
  readonly id: string;
  readonly variant: InstalledVariant;
  readonly runtime: RuntimeSettings;
}

/** Every variant with every number of threads, with and without spinning; one thread has nobody to wait for. */
function listPoints(variants: readonly InstalledVariant[], cores: number): Point[] {
  const settings = Array.from({ length: cores }, (_, index) => index + 1).flatMap((threads) =>
    (threads === 1 ? [false] : [false, true]).map((spinning) => ({ threads, spinning })),
  );
  return variants.flatMap((variant) =>
    settings.map(({ threads, spinning }) => ({
      id: candidateKey(variant.name, "cpu", threads, spinning),
      variant,
      runtime: {
        adapter: "onnxruntime-node" as const,
        executionProviders: ["cpu"],
        intraOpThreads: threads,
        graphOptimizationLevel: "all" as const,
        sessionConfig: {
          ...variant.runtime.sessionConfig,
          ...(spinning ? { "session.intra_op.allow_spinning": "1" } : {}),
        },
        providerOptions: {},
      },
    })),
  );
}

/**
 * The exhaustive search that the tuner is judged by. Each point runs in a process of its own; all are loaded at once and take turns in an
 * order drawn anew for each round, so that what changes with time, and whoever ran before, hits all alike.
 *
 * @param runs timed runs of each point
 */
export async function judgeExhaustively(
  variants: readonly InstalledVariant[],
  loader: CandidateProcesses,
  cores: number,
  runs: number,
): Promise<JudgedPoint[]> {
  return measurePoints(listPoints(variants, cores), loader, runs, LOADINGS);
}

/**
 * Two points head to head, loaded anew many times. The best of many noisy numbers looks better than it is, and one process of a model differs
 * from the next by several percent: what the search calls the best, even a twin with the same operators, is measured again beside the choice.
 *
 * @returns how much longer the first takes than the second, by medians; 0.05 is 5 %
 */
export async function runOff(
  ids: readonly [string, string],
  variants: readonly InstalledVariant[],
  loader: CandidateProcesses,
  { cores, runs }: { readonly cores: number; readonly runs: number },
): Promise<number> {
  const points = listPoints(variants, cores).filter(({ id }) => ids.includes(id));
  const measured = await measurePoints(points, loader, runs, RUN_OFF_LOADINGS);
  const [first = Number.NaN, second = Number.NaN] = ids.map((id) => measured.find((point) => point.id === id)?.p50Ms);
  return first / second - 1;
}

/** Each point in a process of its own, all at once, in an order drawn anew for each round. */
async function measurePoints(
  points: readonly Point[],
  loader: CandidateProcesses,
  runs: number,
  loadings: number,
): Promise<JudgedPoint[]> {
  const refused = new Map<Point, string>();
  const times = new Map<Point, number[]>(points.map((point) => [point, []]));
  const random = seededRandom(1);
  let done = 0;
  for (let loading = 1; loading <= loadings; loading++) {
    const open = new Map<Point, CandidateProcess>();
    try {
      for (const point of points) await load(point, loader, open, refused);
      for (; done < (runs * loading) / loadings; done += BLOCK_RUNS) {
        for (const [point, process] of shuffled([...open], random)) {
          times.get(point)?.push(...(await process.run(Math.min(BLOCK_RUNS, runs - done), WARM_UPS, NEVER)));
          await delay(PAUSE_MS);
        }
      }
    } finally {
      await Promise.all([...open.values()].map((process) => process.close()));
    }
  }
  return points.map((point) => {
    const measured = times.get(point) ?? [];
    const reason = refused.get(point);
    return {
      id: point.id,
      variant: point.variant,
      ...(reason === undefined ? {} : { refused: reason }),
      runs: measured.length,
      p50Ms: quantile(measured, 0.5),
      p95Ms: quantile(measured, 0.95),
    };
  });
}

/** Loads a point and checks it; what does not load is left out. */
async function load(
  point: Point,
  loader: CandidateProcesses,
  open: Map<Point, CandidateProcess>,
  refused: Map<Point, string>,
): Promise<void> {
  try {
    const process = await loader.open({ bundle: { bundleId: point.variant.bundleId }, runtime: point.runtime }, NEVER);
    open.set(point, process);
    if (!process.golden.passed) refused.set(point, "its golden vectors do not hold here");
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    refused.set(point, line.slice(0, 120));
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
