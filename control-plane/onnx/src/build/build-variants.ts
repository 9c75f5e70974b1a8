import { type ErrorBody, SartorError } from "@sartor/shared/errors";
import { refusalOf, runWorker, type WorkerProblem } from "../worker/index.js";
import type { BuildEvent, BuildLimits, BuildRequest } from "./build-request.js";
import { type BuildWorkerMessage, type BuildWorkerRequest, STORED } from "./messages.js";
import { removePartial } from "./write-variant.js";

/** Enough for networks of a hundred million weights and a few thousand samples. */
export const DEFAULT_BUILD_LIMITS: BuildLimits = { timeMs: 2 * 3_600_000, memoryBytes: 4 * 1024 ** 3 };

const PROGRAM = new URL("./build-worker.js", import.meta.url);

/** Who listens to a build, and what bounds it. */
export interface BuildOptions {
  /** Takes what the build says, one event after the other. The build goes on after `made` only when this has ended, so store it durably. */
  readonly onEvent: (event: BuildEvent) => void | Promise<void>;
  readonly limits?: BuildLimits;
  /** Ends the build at once; it throws the signal's reason. What was made until then stays. */
  readonly signal?: AbortSignal;
}

/**
 * Makes variants of a model in a process of its own. Each ends in an event `made` or `refused`; its files appear in the output folder under
 * their names when they are whole. The same request gives the same bytes, whatever was made or cancelled before.
 *
 * @throws SartorError SRT_BUILD_MEMORY, SRT_BUILD_TIMED_OUT, SRT_BUILD_CRASHED, SRT_DISK_FULL; for the model SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED,
 *   SRT_QUANTIZE_NOT_FINITE, SRT_DIGEST_MISMATCH; for the golden vectors SRT_GOLDEN_INVALID, SRT_GOLDEN_MISMATCH; for datasets SRT_DATASET_INVALID,
 *   SRT_CALIBRATION_SHAPE, SRT_CALIBRATION_EMPTY, SRT_CALIBRATION_NOT_FINITE
 */
export async function buildVariants(request: BuildRequest, options: BuildOptions): Promise<void> {
  const limits = options.limits ?? DEFAULT_BUILD_LIMITS;
  const asked: BuildWorkerRequest = { request, limits };
  const error = await runInWorker(asked, options).finally(() => removePartial(request.outputFolder));
  if (error !== null) throw refusalOf(error);
}

function runInWorker(asked: BuildWorkerRequest, options: BuildOptions): Promise<ErrorBody | null> {
  return runWorker<BuildWorkerMessage, ErrorBody | null>({
    program: PROGRAM,
    request: asked,
    limits: asked.limits,
    signal: options.signal,
    receive: async (message, reply) => {
      if (message.type === "done") return null;
      if (message.type === "failed") return message.error;
      await options.onEvent(message.event);
      if (message.event.type !== "progress") reply(STORED);
      return undefined;
    },
    failure: failureOf,
  });
}

function failureOf(problem: WorkerProblem): SartorError {
  switch (problem.kind) {
    case "timed_out":
      return new SartorError("SRT_BUILD_TIMED_OUT", `The build did not end within ${problem.timeMs / 1000} s.`);
    case "memory":
      return new SartorError(
        "SRT_BUILD_MEMORY",
        `The build needs more than ${Math.round(problem.memoryBytes / 1024 ** 2)} MiB of memory.`,
      );
    case "crashed":
      return new SartorError(
        "SRT_BUILD_CRASHED",
        `The process that builds ended without a result (${problem.ending}).`,
      );
  }
}
