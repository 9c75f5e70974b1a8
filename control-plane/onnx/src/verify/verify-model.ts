import { SartorError } from "@sartor/shared/errors";
import { refusalOf, runWorker, type WorkerProblem } from "../worker/index.js";
import type { VerifiedModel, VerifyReply, VerifyRequest } from "./messages.js";

/** Bounds of one verification. */
export interface VerifyLimits {
  /** Longest time from start to answer, ms. */
  readonly timeMs: number;
  /** Largest resident size of the process, bytes (watched on Linux). */
  readonly memoryBytes: number;
}

/** Enough for the largest upload (512 MiB, decoded and loaded) and for slow machines. */
export const DEFAULT_VERIFY_LIMITS: VerifyLimits = { timeMs: 120_000, memoryBytes: 3 * 1024 ** 3 };

const PROGRAM = new URL("./verify-worker.js", import.meta.url);

/**
 * Checks a model file against its manifest and its golden vectors in a process of its own, so that whatever the file does to
 * the decoder or to ONNX Runtime, the caller lives on.
 *
 * @param signal ends the process early
 * @throws SartorError SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED (the model took too long, too much memory or crashed, too),
 *   SRT_MODEL_SHAPE_MISMATCH, SRT_MODEL_LABELS_MISMATCH, SRT_GOLDEN_INVALID, SRT_GOLDEN_MISMATCH
 */
export async function verifyModel(
  request: VerifyRequest,
  limits: VerifyLimits = DEFAULT_VERIFY_LIMITS,
  signal?: AbortSignal,
): Promise<VerifiedModel> {
  const reply = await runWorker<VerifyReply, VerifyReply>({
    program: PROGRAM,
    request,
    limits,
    signal,
    receive: (answer) => answer,
    failure: (problem) => new SartorError("SRT_MODEL_UNSUPPORTED", `The model ${sentenceOf(problem)}.`),
  });
  if (reply.ok) return reply.verified;
  throw refusalOf(reply.error);
}

function sentenceOf(problem: WorkerProblem): string {
  switch (problem.kind) {
    case "timed_out":
      return `was not verified within ${problem.timeMs / 1000} s`;
    case "memory":
      return `needs more than ${Math.round(problem.memoryBytes / 1024 ** 2)} MiB of memory to load and run`;
    case "crashed":
      return `crashed the runtime that tried it (${problem.ending})`;
  }
}
