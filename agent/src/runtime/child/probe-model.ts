import { compareGolden, type GoldenVectors, goldenRun, type Tensor } from "@sartor/shared/domain/tensor";
import type { GoldenTolerance } from "@sartor/shared/protocol";
import type { LoadedModel } from "../adapter.js";
import type { GoldenMeasurement, ProbeMeasurement } from "../channel/index.js";

/** Least timed runs: 64 are the fewest that support a 90th percentile (MLPerf's early stopping), ample for a median. */
const LEAST_TIMED_RUNS = 64;
/** After this time, ms, no further timing run starts: a slow model must not stretch the probe. */
const TIMING_BUDGET_MS = 2_000;

/** Copies outputs: the engine may reuse their memory in the next run. */
const keep = (tensors: readonly Tensor[]): Tensor[] =>
  tensors.map((tensor) => ({ ...tensor, data: new Uint8Array(tensor.data) }));

function concatenate(runs: readonly (readonly Tensor[])[]): Tensor[] {
  return (runs[0] ?? []).map((first, position) => {
    const pieces = runs.map((run) => run[position]?.data ?? new Uint8Array());
    return { ...first, data: new Uint8Array(Buffer.concat(pieces)) };
  });
}

/** Runs the golden vectors one by one and compares every value. */
export async function checkGoldenVectors(
  model: LoadedModel,
  golden: GoldenVectors,
  tolerance: GoldenTolerance,
): Promise<GoldenMeasurement> {
  const runs: Tensor[][] = [];
  for (let index = 0; index < golden.count; index++) {
    runs.push(keep((await model.run(goldenRun(golden.inputs, golden.count, index))).outputs));
  }
  return { ...compareGolden(golden.outputs, concatenate(runs), tolerance), goldenVectors: golden.count };
}

/** Times of single runs, ms: the golden vectors' inputs in turn, after so many runs that are not timed. */
export async function measureRuns(
  model: LoadedModel,
  golden: GoldenVectors,
  count: number,
  warmUps: number,
): Promise<Float64Array<ArrayBuffer>> {
  const inputs = Array.from({ length: golden.count }, (_, index) => goldenRun(golden.inputs, golden.count, index));
  const run = async (turn: number) => (await model.run(inputs[turn % inputs.length] ?? [])).runMs;
  for (let turn = 0; turn < warmUps; turn++) await run(turn);
  const times = new Float64Array(count);
  for (let turn = 0; turn < count; turn++) times[turn] = await run(turn);
  return times;
}

/**
 * Checks the golden vectors on the session that is going to serve, and measures the run. The check warms up; timing takes whole
 * further passes' worth of runs within a budget of time.
 */
export async function probeModel(
  model: LoadedModel,
  golden: GoldenVectors,
  tolerance: GoldenTolerance,
): Promise<ProbeMeasurement> {
  const checked = await checkGoldenVectors(model, golden, tolerance);
  const times: number[] = [];
  const startedAt = performance.now();
  for (let turn = 0; turn < LEAST_TIMED_RUNS; turn++) {
    if (turn > 0 && performance.now() - startedAt > TIMING_BUDGET_MS) break;
    times.push((await model.run(goldenRun(golden.inputs, golden.count, turn % golden.count))).runMs);
  }
  times.sort((a, b) => a - b);
  return {
    ...checked,
    medianLatencyMs: times[Math.floor(times.length / 2)] ?? 0,
  };
}
