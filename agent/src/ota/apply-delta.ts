import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ErrorBody, SartorError } from "@sartor/shared/errors";

/** The child has this much for objects, MiB; the pieces themselves, some 30 MiB at most, lie outside of it. */
const HEAP_MIB = 64;
const CHILD = new URL(`./apply-delta-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
const FLAGS = [`--max-old-space-size=${HEAP_MIB}`, "--max-semi-space-size=4", "--v8-pool-size=1"];

/** A difference, what it builds on, and what it has to give. Digests are hexadecimal. */
export interface ApplyDeltaJob {
  readonly deltaPath: string;
  readonly bases: readonly { readonly digest: string; readonly path: string }[];
  readonly outputPath: string;
  readonly expected: { readonly digest: string; readonly length: number };
}

/** What the child says in the end. */
export type ApplyDeltaReply =
  | { readonly kind: "applied" }
  | { readonly kind: "refused"; readonly error: ErrorBody }
  | { readonly kind: "failed"; readonly errno: string | null; readonly message: string };

/**
 * Applies a difference in a process of its own and writes what it gives, durably. The output counts only when this resolves; the process is gone
 * then. It computes for up to 70 ms a piece, and what serves must not wait for that.
 *
 * A thread would be lighter and was tried: one that ends while V8 compiles for it in the background can wait for that for ever, and with
 * it everything else that V8 does in the background of the agent (docs/decisions/0085-differences-in-a-child.md). A process can always be killed.
 *
 * @throws SartorError SRT_DELTA_INVALID when it does not give what is expected, SRT_DISK_FULL; the signal's reason
 */
export async function applyDeltaInChild(job: ApplyDeltaJob, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = fork(fileURLToPath(CHILD), {
    // Neither secrets nor flags of the agent are the child's business.
    env: { MALLOC_ARENA_MAX: "2", UV_THREADPOOL_SIZE: "2" },
    execArgv: FLAGS,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    // It was never there.
    child.once("error", () => child.pid === undefined && resolve());
  });
  let reply: ApplyDeltaReply;
  try {
    reply = await new Promise<ApplyDeltaReply>((resolve, reject) => {
      child.once("message", (message) => resolve(message as ApplyDeltaReply));
      child.once("error", reject);
      child.once("exit", (code, killedBy) => reject(new Error(`it ended with ${killedBy ?? code}`)));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      child.send(job);
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SartorError("SRT_DELTA_INVALID", "The process that applied a difference ended.", { cause });
  } finally {
    child.kill("SIGKILL");
    await gone;
  }
  if (reply.kind === "applied") return;
  if (reply.kind === "refused") throw SartorError.fromBody(reply.error);
  if (reply.errno === "ENOSPC") {
    throw new SartorError("SRT_DISK_FULL", "The disk filled up while a difference was applied.");
  }
  throw new SartorError("SRT_DELTA_INVALID", `The difference could not be applied: ${reply.message}`);
}
