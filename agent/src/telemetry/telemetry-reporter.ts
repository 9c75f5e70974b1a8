import { type TelemetryWindow, telemetryWindowSchema } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../platform/index.js";
import type { Observation, Serving } from "./observation.js";
import { type ClosedWindow, WindowAggregator } from "./window-aggregator.js";
import { WindowStream, type WindowStreamOptions } from "./window-stream.js";

/** Longest time that reading temperatures and the like may take, ms; a window goes out without them then. */
const READ_SYSTEM_TIMEOUT_MS = 5_000;
const systemSchema = telemetryWindowSchema.shape.system;

export interface TelemetryReporterOptions extends WindowStreamOptions {
  /** Length of a window, s. */
  readonly windowSeconds: number;
  /** Temperature, memory, load and clock, as they are now. */
  readonly readSystem: () => Promise<TelemetryWindow["system"]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Turns observations into windows and hands each on when its time is over. */
export class TelemetryReporter {
  readonly #is: TelemetryReporterOptions;
  readonly #aggregator: WindowAggregator;
  readonly #stream: WindowStream;
  readonly #stopping = new AbortController();
  #rescheduled = new AbortController();
  #pending: ClosedWindow[] = [];
  #sending: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #complained = false;

  constructor(options: TelemetryReporterOptions) {
    this.#is = options;
    this.#aggregator = new WindowAggregator(options.clock, options.windowSeconds);
    this.#stream = new WindowStream(options);
  }

  /** Begins to send windows when they are due. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Counts one request; `serving` is the bundle that answered it, what serves now when left out. Cheap, never throws. */
  observe(observation: Observation, serving?: Serving): void {
    this.#send(this.#aggregator.observe(observation, serving));
  }

  /** Says what serves from now on; undefined when nothing does. */
  setServing(serving: Serving | undefined): void {
    this.#send(this.#aggregator.setServing(serving));
  }

  /** Changes the length of windows, s; at once, also for the current one. */
  setWindowSeconds(seconds: number): void {
    this.#aggregator.setWindowSeconds(seconds);
    this.#rescheduled.abort();
  }

  /** Ends: the current window goes out short, and is stored for sending when this resolves. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    await this.#running;
    this.#send(this.#aggregator.closeAll());
    await this.#sending;
  }

  async #run(): Promise<void> {
    const { clock } = this.#is;
    while (!this.#stopping.signal.aborted) {
      this.#send(this.#aggregator.poll());
      this.#rescheduled = new AbortController();
      const wake = AbortSignal.any([this.#stopping.signal, this.#rescheduled.signal]);
      await clock.sleep(Math.max(1, this.#aggregator.untilDueMs), wake).catch(() => undefined);
    }
  }

  #send(windows: readonly ClosedWindow[]): void {
    if (windows.length === 0) return;
    this.#pending.push(...windows);
    this.#sending ??= this.#sendPending();
  }

  /** One after the other, so that the stream's order is the order of time. */
  async #sendPending(): Promise<void> {
    while (this.#pending.length > 0) {
      const system = await this.#readSystem();
      for (const window of this.#pending.splice(0)) {
        try {
          this.#stream.append(window, system);
        } catch (error) {
          this.#is.logger.error("a telemetry window could not be stored and is lost", { error });
        }
      }
    }
    this.#sending = undefined;
  }

  /** Never throws: a window without temperatures is better than none. */
  async #readSystem(): Promise<TelemetryWindow["system"]> {
    const { readSystem, clock } = this.#is;
    const timer = new AbortController();
    try {
      const late = clock.sleep(READ_SYSTEM_TIMEOUT_MS, timer.signal).then(() => {
        throw new Error(`no answer within ${READ_SYSTEM_TIMEOUT_MS} ms`);
      });
      // A value out of its range would make the receiver drop the whole window.
      return systemSchema.parse(await Promise.race([readSystem(), late]));
    } catch (error) {
      if (!this.#complained)
        this.#is.logger.warn("the state of the system cannot be read; windows go out without it", { error });
      this.#complained = true;
      return {};
    } finally {
      timer.abort();
    }
  }
}
