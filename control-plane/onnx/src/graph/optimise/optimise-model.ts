import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { refusalOf, runWorker, type WorkerProblem } from "../../worker/index.js";
import { EditableGraph } from "../editable-graph.js";
import type { OptimisationLevel, OptimiseReply, OptimiseRequest } from "./messages.js";
import { optimiseFile } from "./optimise-file.js";

/** How a model is optimised. */
export interface OptimiseOptions {
  readonly level: OptimisationLevel;
  readonly sessionConfig?: Readonly<Record<string, string>>;
  /** Longest time for all, ms. */
  readonly timeMs?: number;
  readonly signal?: AbortSignal;
  /** Optimises in this process: for a caller that is a worker itself, whose time and memory are bounded. */
  readonly inProcess?: boolean;
  /** Folder to work in, the system's for temporary files when absent. A process that may be killed names one that somebody else clears. */
  readonly folder?: string;
}

/** Names of the folders in which ONNX Runtime works begin so. */
export const OPTIMISE_PREFIX = "sartor-optimise-";
const DEFAULT_TIME_MS = 120_000;
const PROGRAM = new URL("./optimise-worker.js", import.meta.url);

/**
 * What ONNX Runtime makes of a model at an optimisation level, as a model. A process of its own loads it, with a bound on its time, so that
 * whatever the model does to the runtime, the caller lives on.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED: ONNX Runtime refuses the model, crashes on it or takes too long
 */
export async function optimiseModel(model: Uint8Array, options: OptimiseOptions): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  const folder = await mkdtemp(join(options.folder ?? tmpdir(), OPTIMISE_PREFIX));
  try {
    const request: OptimiseRequest = {
      inputPath: join(folder, "input.onnx"),
      outputPath: join(folder, "output.onnx"),
      level: options.level,
      sessionConfig: options.sessionConfig ?? {},
    };
    await writeFile(request.inputPath, model);
    if (options.inProcess === true) await optimiseFile(request);
    else await runProgram(request, options);
    return await readFile(request.outputPath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Folds a model: batch norms into convolutions, constants, identities, by ONNX Runtime's own `basic` optimisation. The result depends on no
 * hardware and imports only the operator sets it uses. Throws as {@link optimiseModel} and {@link EditableGraph.decode}.
 */
export async function foldModel(model: Uint8Array, options: Omit<OptimiseOptions, "level"> = {}): Promise<Uint8Array> {
  // Decoding first refuses what is no model with a better message, and normalises what ONNX Runtime would keep overridable.
  const normal = EditableGraph.decode(model).encode();
  return EditableGraph.decode(await optimiseModel(normal, { ...options, level: "basic" })).encode();
}

async function runProgram(request: OptimiseRequest, options: OptimiseOptions): Promise<void> {
  const reply = await runWorker<OptimiseReply, OptimiseReply>({
    program: PROGRAM,
    request,
    limits: { timeMs: options.timeMs ?? DEFAULT_TIME_MS },
    // It may have been aborted while the files were written, when nobody listened yet: this notices.
    signal: options.signal,
    receive: (answer) => answer,
    failure: (problem) => new SartorError("SRT_MODEL_UNSUPPORTED", `The model ${sentenceOf(problem)}.`),
  });
  if (!reply.ok) throw refusalOf(reply.error);
}

function sentenceOf(problem: WorkerProblem): string {
  switch (problem.kind) {
    case "timed_out":
      return `was not optimised within ${problem.timeMs / 1000} s`;
    case "memory":
      return `needs more than ${problem.memoryBytes} bytes of memory`;
    case "crashed":
      return `crashed ONNX Runtime (${problem.ending})`;
  }
}
