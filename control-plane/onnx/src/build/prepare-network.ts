import { elementCount, goldenRun, type Tensor, toNumbers } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import { foldModel } from "../graph/index.js";
import { inspectModel } from "../inspect/inspect-model.js";
import { runGolden } from "../verify/run-golden.js";
import { TensorSession } from "../verify/tensor-session.js";
import type { BuildContext } from "./build-context.js";
import { BuildNetwork } from "./build-network.js";
import { checkWeights } from "./check-weights.js";
import { describeNetwork, type NetworkDescription } from "./describe-network.js";
import { memoryFailure } from "./memory-failure.js";
import type { BuildProgress } from "./progress.js";

/** The version's fp32 network, from which every variant is made. */
export interface PreparedNetwork {
  /** Folded; the file as it was uploaded where folding was refused. */
  readonly model: Uint8Array;
  readonly description: NetworkDescription | null;
  /** Elements of all initializers. */
  readonly parameters: number;
  readonly notes: readonly string[];
  readonly tookMs: number;
  /** The network with what is found out about it once. */
  readonly network: (progress: BuildProgress) => BuildNetwork;
  /** Whether it takes several samples in one run. */
  readonly batches: boolean;
}

/**
 * Checks, folds and describes the uploaded model.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED, SRT_QUANTIZE_NOT_FINITE, SRT_GOLDEN_MISMATCH
 */
export async function prepareNetwork(context: BuildContext): Promise<PreparedNetwork> {
  const started = context.now();
  const { parameters } = inspectModel(context.uploaded);
  checkWeights(context.uploaded);
  const { model, notes } = await fold(context);
  // Constants of nodes became initializers.
  checkWeights(model);
  const [feeds] = context.goldenFeeds() ?? [];
  const description = feeds === undefined ? null : await describeNetwork(model, feeds);
  const batches = await takesBatches(model, context);
  let network: BuildNetwork | undefined;
  return {
    model,
    description,
    parameters,
    notes,
    tookMs: context.now() - started,
    batches,
    network: (progress) => {
      network ??= new BuildNetwork("fp32", model, description, batches, context, progress);
      return network;
    },
  };
}

/** The folded model where it is still the same network; else the file as it is, which must run. */
async function fold(context: BuildContext): Promise<{ model: Uint8Array; notes: string[] }> {
  const { uploaded, golden, request } = context;
  let problem: string;
  try {
    const folded = await foldModel(uploaded, { inProcess: true, folder: request.outputFolder });
    const { passed, largestAbsoluteError } = await runGolden(folded, request.manifest, golden);
    if (passed) return { model: folded, notes: [] };
    problem = `the folded model differs by ${largestAbsoluteError.toPrecision(3)} on the golden vectors`;
  } catch (error) {
    if (!(error instanceof SartorError) || error.code === "SRT_MODEL_NOT_ONNX") throw error;
    // The model is not to blame, and a build with more memory would fold it.
    if (memoryFailure(error, context.limits.memoryBytes) !== undefined) throw error;
    problem = error.message.replace(/\.$/, "");
  }
  // What cannot run at all says so here.
  await runGolden(uploaded, request.manifest, golden);
  return { model: uploaded, notes: [`The file is as it was uploaded, not folded: ${problem.slice(0, 512)}.`] };
}

/** Whether two samples in one run give what they give alone; some models say that their batch may vary, and mean one. */
async function takesBatches(model: Uint8Array, { golden, request }: BuildContext): Promise<boolean> {
  const { inputs, outputs } = request.manifest;
  if (golden.count < 2 || [...inputs, ...outputs].some(({ shape }) => shape[0] !== -1)) return false;
  const names = outputs.map(({ name }) => name);
  const session = await TensorSession.open(model);
  try {
    const single = [0, 1].map((index) => goldenRun(golden.inputs, golden.count, index));
    const [first = [], second = []] = [
      await session.run(single[0] ?? [], names),
      await session.run(single[1] ?? [], names),
    ];
    const both = await session.run(
      (single[0] ?? []).map((tensor, position) => joined(tensor, single[1]?.[position] ?? tensor)),
      names,
    );
    return both.every((tensor, position) => {
      const [a, b] = [first[position], second[position]];
      return a !== undefined && b !== undefined && isClose(tensor, joined(a, b));
    });
  } catch {
    return false;
  } finally {
    await session.close();
  }
}

function joined(a: Tensor, b: Tensor): Tensor {
  const shape = [(a.shape[0] ?? 0) + (b.shape[0] ?? 0), ...a.shape.slice(1)];
  return { ...a, shape, data: new Uint8Array(Buffer.concat([a.data, b.data])) };
}

function isClose(a: Tensor, b: Tensor): boolean {
  if (elementCount(a.shape) !== elementCount(b.shape)) return false;
  const [left, right] = [toNumbers(a), toNumbers(b)];
  return left.every((value, index) => Math.abs(value - (right[index] ?? Number.NaN)) <= 1e-3 + 1e-3 * Math.abs(value));
}
