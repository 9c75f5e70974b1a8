import { Worker } from "node:worker_threads";
import { type ErrorBody, SartorError } from "@sartor/shared/errors";

/** The thread has this much for objects, MiB; the pieces themselves, some 30 MiB at most, lie outside of it. */
const HEAP_MIB = 64;
const WORKER = new URL(`./apply-delta-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** A difference, what it builds on, and what it has to give. Digests are hexadecimal. */
export interface ApplyDeltaJob {
  readonly deltaPath: string;
  readonly bases: readonly { readonly digest: string; readonly path: string }[];
  readonly outputPath: string;
  readonly expected: { readonly digest: string; readonly length: number };
}

/** What the thread says in the end. */
export type ApplyDeltaReply =
  | { readonly kind: "applied" }
  | { readonly kind: "refused"; readonly error: ErrorBody }
  | { readonly kind: "failed"; readonly errno: string | null; readonly message: string };

/**
 * Applies a difference in a thread of its own and writes what it gives, durably. The output counts only when this resolves.
 *
 * @throws SartorError SRT_DELTA_INVALID when it does not give what is expected, SRT_DISK_FULL; the signal's reason
 */
export async function applyDeltaInThread(job: ApplyDeltaJob, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const worker = new Worker(WORKER, {
    workerData: job,
    // Neither secrets nor flags of the agent are the thread's business.
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: 8 },
  });
  let reply: ApplyDeltaReply;
  try {
    reply = await new Promise<ApplyDeltaReply>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`exit code ${code}`)));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SartorError("SRT_DELTA_INVALID", "The thread that applied a difference ended.", { cause });
  } finally {
    await worker.terminate();
  }
  if (reply.kind === "applied") return;
  if (reply.kind === "refused") throw SartorError.fromBody(reply.error);
  if (reply.errno === "ENOSPC") {
    throw new SartorError("SRT_DISK_FULL", "The disk filled up while a difference was applied.");
  }
  throw new SartorError("SRT_DELTA_INVALID", `The difference could not be applied: ${reply.message}`);
}
