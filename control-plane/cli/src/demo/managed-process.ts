import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { childEnvironment } from "../config/index.js";

const SHORTEST_RESTART_MS = 500;
const LONGEST_RESTART_MS = 30_000;
/** A process that ran this long starts its restarts anew, ms. */
const STABLE_MS = 60_000;
/** Time to end in peace before SIGKILL, ms. */
const STOP_MS = 15_000;

export interface ManagedProcessOptions {
  readonly name: string;
  /** What to run; this Node when left out. */
  readonly program?: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Whether it is started again after it ended by itself, as a service manager would. */
  readonly restart: boolean;
  readonly onMessage?: (message: unknown) => void;
  readonly onExit?: (description: string, restartInMs: number | undefined) => void;
}

/** A process of its own, with its output in a log file; started again when it dies, ended in peace when asked. */
export class ManagedProcess {
  readonly #options: ManagedProcessOptions;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #stopping = false;
  #restartTimer: NodeJS.Timeout | undefined;
  #wait = SHORTEST_RESTART_MS;

  constructor(options: ManagedProcessOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: "a" });
    this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGTERM, and SIGKILL when that is not heeded. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await gone;
      clearTimeout(killer);
    }
    await new Promise<void>((resolve) => this.#log.end(() => resolve()));
  }

  #start(): void {
    const startedAt = Date.now();
    const { onMessage } = this.#options;
    const child = spawn(this.#options.program ?? process.execPath, [...this.#options.arguments], {
      env: childEnvironment(this.#options.environment),
      // The channel tells the process when the launcher is gone, however it went: then it ends too.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // A group of its own: Ctrl-C reaches the launcher only, which ends everything in order.
      detached: true,
    });
    this.#child = child;
    child.stdout?.pipe(this.#log, { end: false });
    child.stderr?.pipe(this.#log, { end: false });
    if (onMessage !== undefined) child.on("message", onMessage);
    child.on("error", (error) => this.#log.write(`${error.message}\n`));
    child.once("exit", (code, signal) => {
      if (this.#stopping) return;
      if (Date.now() - startedAt > STABLE_MS) this.#wait = SHORTEST_RESTART_MS;
      const wait = this.#options.restart ? this.#wait : undefined;
      this.#options.onExit?.(signal === null ? `exit code ${code}` : `signal ${signal}`, wait);
      if (wait === undefined) return;
      this.#wait = Math.min(this.#wait * 2, LONGEST_RESTART_MS);
      this.#restartTimer = setTimeout(() => this.#start(), wait);
    });
  }
}
