import { type ChildProcess, fork } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { SartorError } from "@sartor/shared/errors";

/** Bounds of one worker. */
export interface WorkerLimits {
  /** Longest time from start to end, ms. */
  readonly timeMs: number;
  /** Largest resident size of the process, bytes (watched on Linux); unbounded when absent. */
  readonly memoryBytes?: number;
}

/** Why a worker gave no answer. */
export type WorkerProblem =
  | { readonly kind: "timed_out"; readonly timeMs: number }
  | { readonly kind: "memory"; readonly memoryBytes: number }
  /** How it ended: the name of a signal or an exit code. */
  | { readonly kind: "crashed"; readonly ending: string };

/** One job for a process of its own. */
export interface WorkerJob<Message, Answer> {
  /** The program, a module beside the caller's. */
  readonly program: URL;
  readonly request: unknown;
  readonly limits: WorkerLimits;
  readonly signal?: AbortSignal | undefined;
  /**
   * Takes what the worker says, one message after the other; the first answer that is not undefined ends the job. What it throws, the job
   * throws.
   *
   * @param reply sends something back
   */
  readonly receive: (
    message: Message,
    reply: (message: unknown) => void,
  ) => Answer | undefined | Promise<Answer | undefined>;
  /** The error that tells of a problem. */
  readonly failure: (problem: WorkerProblem) => SartorError;
}

const WATCH_INTERVAL_MS = 100;

/** Longest wait for a killed process to be gone, ms: only one that hangs in the kernel takes so long. */
const KILL_MS = 10_000;

/**
 * Runs a job in a process of its own, so that whatever a model does to the decoder or to ONNX Runtime, the caller lives on. When this ends,
 * however it does, the process is gone and `receive` has ended what it was about.
 *
 * @throws what `failure` makes of a problem, what `receive` throws, and the signal's reason
 */
export async function runWorker<Message, Answer>(job: WorkerJob<Message, Answer>): Promise<Answer> {
  job.signal?.throwIfAborted();
  // No settings and no secrets of the server reach the child.
  const child = fork(fileURLToPath(job.program), [], {
    env: {},
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  return answerOf(child, job);
}

function answerOf<Message, Answer>(child: ChildProcess, job: WorkerJob<Message, Answer>): Promise<Answer> {
  const { limits, signal } = job;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const refuse = (problem: WorkerProblem) => reject(job.failure(problem));
  const send = (message: unknown) => {
    child.send(message as object, (error) => {
      // The child's end, which follows, says more than a closed channel.
      if (error !== null && child.exitCode === null && child.signalCode === null) reject(error);
    });
  };
  const onAbort = () => reject(signal?.reason);
  const timer = setTimeout(() => refuse({ kind: "timed_out", timeMs: limits.timeMs }), limits.timeMs);
  const { memoryBytes } = limits;
  const watch = setInterval(async () => {
    if (memoryBytes === undefined) return;
    if ((await residentBytes(child.pid)) > memoryBytes) refuse({ kind: "memory", memoryBytes });
  }, WATCH_INTERVAL_MS);
  let ended = false;
  let queue = Promise.resolve();
  const enqueue = (step: () => Promise<void>) => {
    queue = queue.then(() => (ended ? undefined : step())).catch(reject);
  };
  child.on("message", (message) => {
    enqueue(async () => {
      const answer = await job.receive(message as Message, send);
      if (answer !== undefined) resolve(answer);
    });
  });
  child.once("error", reject);
  child.once("exit", (code, killed) => {
    // Behind the messages that it sent before.
    enqueue(async () => refuse({ kind: "crashed", ending: killed ?? `exit code ${code}` }));
  });
  signal?.addEventListener("abort", onAbort, { once: true });
  send(job.request);
  return promise.finally(async () => {
    ended = true;
    clearTimeout(timer);
    clearInterval(watch);
    signal?.removeEventListener("abort", onAbort);
    await end(child);
    await queue;
  });
}

/** Kills a process and waits until its memory is free and its files are closed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  const timer = setTimeout(resolve, KILL_MS);
  child.kill("SIGKILL");
  await promise;
  clearTimeout(timer);
}

/** Resident size of a process, bytes; 0 where the system does not tell (proc(5), /proc/[pid]/status). */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined || process.platform !== "linux") return 0;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
