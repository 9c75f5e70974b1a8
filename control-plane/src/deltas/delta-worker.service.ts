import { Injectable } from "@nestjs/common";
import { runWorker, type WorkerProblem } from "@sartor/onnx";
import { SartorError } from "@sartor/shared/errors";
import { Settings } from "../config/index.js";
import type { DeltaJob, DeltaOutcome, DeltaReply } from "./delta-job.js";

const WORKER = new URL("./make-delta-worker.js", import.meta.url);

/** Makes a difference in a process of its own. */
@Injectable()
export class DeltaWorker {
  constructor(private readonly settings: Settings) {}

  /**
   * Makes one difference and checks it.
   *
   * @throws SartorError SRT_DELTA_NOT_OFFERED when it takes too much time or memory, SRT_DELTA_INVALID when it does not give the target,
   *   SRT_INTERNAL for anything that may go better the next time; the signal's reason
   */
  async run(job: DeltaJob, signal: AbortSignal): Promise<DeltaOutcome> {
    const { deltaTimeSeconds, deltaMemoryBytes } = this.settings;
    const reply = await runWorker<DeltaReply, DeltaReply>({
      program: WORKER,
      request: job,
      limits: { timeMs: deltaTimeSeconds * 1_000, memoryBytes: deltaMemoryBytes },
      signal,
      receive: (answer) => answer,
      failure: failureOf,
    });
    if (reply.ok) return reply.outcome;
    throw SartorError.fromBody(reply.error);
  }
}

function failureOf(problem: WorkerProblem): SartorError {
  switch (problem.kind) {
    case "timed_out":
      return new SartorError("SRT_DELTA_NOT_OFFERED", `It was not made within ${problem.timeMs / 1_000} s.`);
    case "memory":
      return new SartorError(
        "SRT_DELTA_NOT_OFFERED",
        `Making it takes more than ${Math.round(problem.memoryBytes / 1024 ** 2)} MiB of memory.`,
      );
    case "crashed":
      return new SartorError("SRT_INTERNAL", `The process that made it ended with ${problem.ending}.`);
  }
}
