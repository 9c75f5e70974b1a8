import { SartorError } from "@sartor/shared/errors";
import type { Clock, Logger } from "../platform/index.js";
import type { BundleLocation, ChildCalls } from "./channel/index.js";
import { startModelProcess } from "./load-beside.js";
import { type ChildReply, type ModelProcess, type ProcessExit, ProcessLostError } from "./model-process.js";
import { RequestQueue } from "./request-queue.js";
import { addCrash, type CrashRecord, isFailing, NO_CRASHES, restartDelay } from "./restart-policy.js";
import type { RuntimeSettings } from "./settings.js";

/** A bundle on disk that can be served. */
export interface ServableBundle extends BundleLocation {
  readonly bundleId: string;
}

/** Calls that a request may make of a served model. */
export type RequestCall = "infer" | "classify";

interface Request {
  readonly call: RequestCall;
  readonly given: ChildCalls[RequestCall]["arguments"];
  readonly parts: readonly Uint8Array[];
  resolve(reply: ChildReply<RequestCall>): void;
  reject(error: Error): void;
  /** How often a child ended while it held this request. */
  crashes: number;
}

/** What a served model needs of the outside. */
export interface ServedModelContext {
  readonly settings: RuntimeSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the state changed. */
  onChange(): void;
  /** Called for each crash. */
  onCrash(exit: ProcessExit): void;
}

/**
 * Keeps one bundle answering: hands requests to its child, starts a new child when it ends, and gives the requests that the
 * old one held to the new one. Inference changes nothing, so running a request twice is safe; a request that saw a crash is
 * sent alone, so that one poisonous request cannot take others down with it, and fails after its second crash.
 */
export class ServedModel {
  readonly bundle: ServableBundle;
  readonly #context: ServedModelContext;
  readonly #queue: RequestQueue<Request>;
  readonly #inChild = new Set<Request>();
  readonly #stopping = new AbortController();
  #process: ModelProcess | undefined;
  #readySince = 0;
  #crashes: CrashRecord = NO_CRASHES;
  #restarts = 0;
  #whenIdle: (() => void) | undefined;

  constructor(bundle: ServableBundle, process: ModelProcess, context: ServedModelContext) {
    this.bundle = bundle;
    this.#context = context;
    this.#queue = new RequestQueue(
      context.settings.queueLength,
      context.settings.queueTimeoutMs,
      ({ reject }, error) => {
        reject(error);
        this.#settled();
      },
    );
    this.#adopt(process);
  }

  get state(): "starting" | "ready" | "failing" {
    if (this.#process !== undefined) return "ready";
    return isFailing(this.#crashes, this.#context.settings) ? "failing" : "starting";
  }

  /** Process id of the child that serves now. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Requests that were taken and are not answered yet. */
  get waiting(): number {
    return this.#inChild.size + this.#queue.length;
  }

  /** How often the child was started again after a crash. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Runs one request.
   * @throws SartorError SRT_INFERENCE_OVERLOADED when too many wait or it waited too long, SRT_MODEL_NOT_READY while the
   * model is failing or stopped, SRT_INFERENCE_TIMED_OUT for a hung run, SRT_INFERENCE_FAILED after a second crash, or what
   * the child answered.
   */
  request<C extends RequestCall>(
    call: C,
    given: ChildCalls[C]["arguments"],
    parts: readonly Uint8Array[],
  ): Promise<ChildReply<C>> {
    return new Promise<ChildReply<C>>((resolve, reject) => {
      if (this.#stopping.signal.aborted || this.state === "failing") {
        const why = this.state === "failing" ? "Its runtime crashes again and again" : "It is being stopped";
        reject(
          new SartorError("SRT_MODEL_NOT_READY", `The model ${this.bundle.manifest.model} cannot answer now: ${why}.`),
        );
        return;
      }
      this.#queue.add({ call, given, parts, resolve: resolve as unknown as Request["resolve"], reject, crashes: 0 });
      this.#dispatch();
    });
  }

  /** Ends the child once every request it took is answered, at the latest after the drain time. */
  async drain(): Promise<void> {
    if (this.#inChild.size > 0 || this.#queue.length > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      const late = this.#context.clock
        .sleep(this.#context.settings.drainTimeoutMs, this.#stopping.signal)
        .catch(() => undefined);
      await Promise.race([idle, late]);
    }
    await this.stop();
  }

  /** Ends the child now; requests that still wait are refused. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const refusal = new SartorError("SRT_MODEL_NOT_READY", `The model ${this.bundle.manifest.model} was stopped.`);
    for (const { reject } of [...this.#queue.clear(), ...this.#inChild]) reject(refusal);
    this.#inChild.clear();
    const process = this.#process;
    this.#process = undefined;
    await process?.close();
  }

  #adopt(process: ModelProcess): void {
    this.#process = process;
    this.#readySince = this.#context.clock.monotonic();
    void process.exited.then((exit) => this.#onExit(process, exit));
    this.#dispatch();
  }

  #dispatch(): void {
    const process = this.#process;
    if (process === undefined || !process.isUsable) return;
    const { requestsInChild, runTimeoutMs } = this.#context.settings;
    const alone = [...this.#inChild].some(({ crashes }) => crashes > 0);
    while (!alone && this.#inChild.size < requestsInChild) {
      const next = this.#queue.peek();
      if (next === undefined || (next.crashes > 0 && this.#inChild.size > 0)) return;
      this.#queue.take();
      this.#inChild.add(next);
      process.call(next.call, next.given, next.parts, runTimeoutMs).then(
        (reply) => this.#finish(next, () => next.resolve(reply)),
        (error: Error) => this.#fail(next, error),
      );
      if (next.crashes > 0) return;
    }
  }

  #finish(request: Request, settle: () => void): void {
    if (!this.#inChild.delete(request)) return;
    settle();
    this.#settled();
    this.#dispatch();
  }

  #fail(request: Request, error: Error): void {
    if (!(error instanceof ProcessLostError)) {
      this.#finish(request, () => request.reject(error));
      return;
    }
    request.crashes++;
    if (request.crashes > 1) {
      const message = `The runtime crashed twice over this request: ${error.message}.`;
      this.#finish(request, () => request.reject(new SartorError("SRT_INFERENCE_FAILED", message, { cause: error })));
    } else if (this.#inChild.delete(request)) {
      this.#queue.putBack(request);
      this.#dispatch();
    }
  }

  #settled(): void {
    if (this.#inChild.size === 0 && this.#queue.length === 0) this.#whenIdle?.();
  }

  #onExit(process: ModelProcess, exit: ProcessExit): void {
    if (this.#stopping.signal.aborted || this.#process !== process) return;
    this.#process = undefined;
    this.#countCrash(exit, this.#context.clock.monotonic() - this.#readySince);
    void this.#restart();
  }

  #countCrash(exit: ProcessExit, servedMs: number): void {
    const { settings, logger, onChange, onCrash } = this.#context;
    this.#crashes = addCrash(this.#crashes, servedMs, settings);
    logger.warn("the runtime child ended", {
      model: this.bundle.manifest.model,
      signal: exit.signal ?? undefined,
      exitCode: exit.code ?? undefined,
      stderr: exit.stderr || undefined,
      inARow: this.#crashes.inARow,
    });
    if (this.state === "failing") {
      const refusal = new SartorError(
        "SRT_MODEL_NOT_READY",
        `The runtime of ${this.bundle.manifest.model} crashes again and again.`,
      );
      for (const { reject } of this.#queue.clear()) reject(refusal);
      this.#settled();
    }
    onCrash(exit);
    onChange();
  }

  async #restart(): Promise<void> {
    const { settings, clock } = this.#context;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await clock.sleep(restartDelay(this.#crashes, settings), signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#restarts++;
      try {
        const process = await startModelProcess(this.bundle, settings);
        if (signal.aborted) {
          await process.close();
          return;
        }
        this.#adopt(process);
        this.#context.onChange();
        return;
      } catch (error) {
        this.#countCrash({ code: null, signal: null, stderr: SartorError.from(error).message }, 0);
      }
    }
  }
}
