import { type ChildProcess, fork } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { SartorError } from "@sartor/shared/errors";
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

const WORKER = fileURLToPath(new URL("./verify-worker.js", import.meta.url));
const WATCH_INTERVAL_MS = 100;

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
  signal?.throwIfAborted();
  // No settings and no secrets of the server reach the child.
  const child = fork(WORKER, [], {
    env: {},
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  try {
    const reply = await answerOf(child, request, limits, signal);
    if (reply.ok) return reply.verified;
    throw SartorError.fromBody(reply.error);
  } finally {
    child.kill("SIGKILL");
  }
}

function answerOf(
  child: ChildProcess,
  request: VerifyRequest,
  limits: VerifyLimits,
  signal: AbortSignal | undefined,
): Promise<VerifyReply> {
  const { promise, resolve, reject } = Promise.withResolvers<VerifyReply>();
  const refuse = (problem: string) => reject(new SartorError("SRT_MODEL_UNSUPPORTED", `The model ${problem}.`));
  const onAbort = () => reject(signal?.reason);
  const timer = setTimeout(() => refuse(`was not verified within ${limits.timeMs / 1000} s`), limits.timeMs);
  const watch = setInterval(async () => {
    if ((await residentBytes(child.pid)) > limits.memoryBytes) {
      refuse(`needs more than ${Math.round(limits.memoryBytes / 1024 ** 2)} MiB of memory to load and run`);
    }
  }, WATCH_INTERVAL_MS);
  child.once("message", (reply) => resolve(reply as VerifyReply));
  child.once("error", reject);
  child.once("exit", (code, killed) => refuse(`crashed the runtime that tried it (${killed ?? `exit code ${code}`})`));
  signal?.addEventListener("abort", onAbort, { once: true });
  child.send(request, (error) => {
    // The child's end, which follows, says more than a closed channel.
    if (error !== null && child.exitCode === null && child.signalCode === null) reject(error);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    clearInterval(watch);
    signal?.removeEventListener("abort", onAbort);
  });
}

/** Resident size of a process, bytes; 0 where the system does not tell (proc(5), /proc/[pid]/status). */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined || process.platform !== "linux") return 0;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
