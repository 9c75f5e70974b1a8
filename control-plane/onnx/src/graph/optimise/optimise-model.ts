import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SartorError } from "@sartor/shared/errors";
import { EditableGraph } from "../editable-graph.js";
import type { OptimisationLevel, OptimiseReply, OptimiseRequest } from "./messages.js";

/** How a model is optimised. */
export interface OptimiseOptions {
  readonly level: OptimisationLevel;
  readonly sessionConfig?: Readonly<Record<string, string>>;
  /** Longest time for all, ms. */
  readonly timeMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIME_MS = 120_000;
const WORKER = fileURLToPath(new URL("./optimise-worker.js", import.meta.url));

/**
 * What ONNX Runtime makes of a model at an optimisation level, as a model. A process of its own loads it, with a bound on its time, so that
 * whatever the model does to the runtime, the caller lives on.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED: ONNX Runtime refuses the model, crashes on it or takes too long
 */
export async function optimiseModel(model: Uint8Array, options: OptimiseOptions): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), "sartor-optimise-"));
  try {
    const request: OptimiseRequest = {
      inputPath: join(folder, "input.onnx"),
      outputPath: join(folder, "output.onnx"),
      level: options.level,
      sessionConfig: options.sessionConfig ?? {},
    };
    await writeFile(request.inputPath, model);
    await runWorker(request, options);
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

async function runWorker(request: OptimiseRequest, options: OptimiseOptions): Promise<void> {
  // It may have been aborted while the files were written, when nobody listened yet.
  options.signal?.throwIfAborted();
  const child = fork(WORKER, [], {
    env: {},
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  try {
    const reply = await answerOf(child, request, options);
    if (!reply.ok) throw SartorError.fromBody(reply.error);
  } finally {
    child.kill("SIGKILL");
  }
}

function answerOf(child: ChildProcess, request: OptimiseRequest, options: OptimiseOptions): Promise<OptimiseReply> {
  const { promise, resolve, reject } = Promise.withResolvers<OptimiseReply>();
  const timeMs = options.timeMs ?? DEFAULT_TIME_MS;
  const refuse = (problem: string) => reject(new SartorError("SRT_MODEL_UNSUPPORTED", `The model ${problem}.`));
  const onAbort = () => reject(options.signal?.reason);
  const timer = setTimeout(() => refuse(`was not optimised within ${timeMs / 1000} s`), timeMs);
  child.once("message", (reply) => resolve(reply as OptimiseReply));
  child.once("error", reject);
  child.once("exit", (code, killed) => refuse(`crashed ONNX Runtime (${killed ?? `exit code ${code}`})`));
  options.signal?.addEventListener("abort", onAbort, { once: true });
  child.send(request, (error) => {
    // The child's end, which follows, says more than a closed channel.
    if (error !== null && child.exitCode === null && child.signalCode === null) reject(error);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  });
}
