import { type ChildProcess, spawn } from "node:child_process";
import { setPriority } from "node:os";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { SartorError } from "@sartor/shared/errors";
import { type ChildCall, type ChildCalls, encodeFrame, type Frame, FrameReader } from "./channel/index.js";

const CHILD_MAIN = fileURLToPath(new URL("./child/main.js", import.meta.url));

/**
 * Flags and environment that keep the child small. After 4,500 images of 32 x 32 its own memory (anonymous, not shared) was
 * 57 MB with a small young generation only, and 27 MB with all of these; V8 otherwise lets its heap and compiled code grow.
 */
const NODE_FLAGS = ["--max-semi-space-size=1", "--v8-pool-size=1", "--optimize-for-size", "--no-maglev"];
const LEAN_ENVIRONMENT = { MALLOC_ARENA_MAX: "1", UV_THREADPOOL_SIZE: "1", VIPS_CONCURRENCY: "1" };

/** How far a child stands back behind what else runs on the device. */
export interface ChildRank {
  /** Of its claim to the processor, 0 to 19 (setpriority(2)). */
  readonly niceness: number;
  /** How early it goes when memory runs out, 0 to 1000 (oom_score_adj, proc(5)): in parts of a thousand of all memory. */
  readonly oomScore: number;
}

/** Goes before what else runs on the device: the agent starts it again, and nothing else has to pay. */
export const SERVING_RANK: ChildRank = { niceness: 0, oomScore: 800 };
/** Stands back behind what serves, and goes before it. */
export const CANDIDATE_RANK: ChildRank = { niceness: 10, oomScore: 1000 };

/** What is kept of the child's standard error to explain an end, characters. */
const KEPT_STDERR = 2_000;

/** How a child ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last words on its standard error. */
  readonly stderr: string;
}

/** The child ended while a call waited for its answer; the call may have run or not. */
export class ProcessLostError extends Error {
  constructor(readonly exit: ProcessExit) {
    super(`the runtime process ended (${exit.signal ?? `exit code ${exit.code}`})${exit.stderr && `: ${exit.stderr}`}`);
    this.name = "ProcessLostError";
  }
}

export interface ChildReply<C extends ChildCall> {
  readonly result: ChildCalls[C]["result"];
  readonly parts: readonly Uint8Array[];
}

interface Waiting {
  resolve(reply: ChildReply<ChildCall>): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** The agent's end of one runtime child: calls with answers, and how it ended. */
export class ModelProcess {
  /** Settles once, when the process has ended. */
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #socket: Duplex;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #exit: ProcessExit | undefined;
  #stderr = "";
  #ending = false;

  /**
   * Starts a child. It has no model until `load` is called.
   *
   * @param rank how far it stands back behind others; its threads inherit it
   */
  constructor(environment: Readonly<Record<string, string>> = {}, rank: ChildRank = SERVING_RANK) {
    this.#child = spawn(process.execPath, [...NODE_FLAGS, CHILD_MAIN, String(rank.oomScore)], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: { ...LEAN_ENVIRONMENT, ...environment },
    });
    if (rank.niceness > 0) standBack(this.#child, rank.niceness);
    // An agent that is out of file descriptors gets a child without pipes, and then the event that says so.
    const { stdio } = this.#child as { stdio?: ChildProcess["stdio"] };
    this.#socket = (stdio?.[3] as Duplex | undefined) ?? nowhere();
    this.#socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    // A broken pipe is reported by the exit that caused it.
    this.#socket.on("error", () => undefined);
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
    });
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        if (this.#exit !== undefined) return;
        this.#exit = { code, signal, stderr: this.#stderr.trim() };
        this.#loseWaiting(new ProcessLostError(this.#exit));
        this.#socket.destroy();
        resolve(this.#exit);
      };
      this.#child.once("close", end);
      this.#child.once("error", (error) => {
        this.#stderr = error.message;
        end(null, null);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** False once the child has ended or was told to end. */
  get isUsable(): boolean {
    return !this.#ending && this.#exit === undefined;
  }

  /**
   * Calls the child and waits for its answer.
   * @throws ProcessLostError when the child ends first; SartorError SRT_INFERENCE_TIMED_OUT after `timeoutMs` (the child is
   * killed, since a run cannot be interrupted), or what the child itself answered.
   */
  call<C extends ChildCall>(
    call: C,
    given: ChildCalls[C]["arguments"],
    parts: readonly Uint8Array[],
    timeoutMs: number,
  ): Promise<ChildReply<C>> {
    if (this.#exit !== undefined) return Promise.reject(new ProcessLostError(this.#exit));
    const id = ++this.#lastId;
    const buffers = encodeFrame({ id, call, arguments: given }, parts);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new SartorError(
            "SRT_INFERENCE_TIMED_OUT",
            `The runtime gave no answer to ${call} within ${timeoutMs} ms; it is restarted.`,
          ),
        );
        this.kill();
      }, timeoutMs);
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, timer });
      this.#socket.cork();
      for (const buffer of buffers) this.#socket.write(buffer);
      this.#socket.uncork();
    });
  }

  /** Ends the child at once. */
  kill(): void {
    this.#ending = true;
    this.#child.kill("SIGKILL");
  }

  /** Ends the child: it leaves when its socket closes, and is killed if it does not within `graceMs`. */
  async close(graceMs = 2_000): Promise<void> {
    this.#ending = true;
    const timer = setTimeout(() => this.kill(), graceMs);
    this.#socket.end();
    await this.exited;
    clearTimeout(timer);
  }

  #receive(chunk: Uint8Array): void {
    let frames: Frame[];
    try {
      frames = this.#reader.push(chunk);
    } catch {
      // A child that writes what is no frame has lost its mind: its memory cannot be trusted any more.
      this.#stderr = `${this.#stderr}\nit wrote something that is no frame`;
      this.kill();
      return;
    }
    for (const { header, parts } of frames) {
      const id = header.id as number;
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) continue;
      this.#waiting.delete(id);
      clearTimeout(waiting.timer);
      if (header.error === undefined) {
        waiting.resolve({ result: header.result as ChildCalls[ChildCall]["result"], parts });
      } else {
        waiting.reject(SartorError.fromBody(header.error as Parameters<typeof SartorError.fromBody>[0]));
      }
    }
  }

  #loseWaiting(error: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(error);
    }
  }
}

/** A pipe to nobody, from whom nothing comes. */
const nowhere = () => new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });

/** Before the child makes the threads that compute: each begins with the niceness of the one that makes it. */
function standBack({ pid }: ChildProcess, niceness: number): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, niceness);
  } catch {
    // Gone already: its exit says why.
  }
}
