import { SartorError } from "@sartor/shared/errors";
import type { Clock, Logger } from "../platform/index.js";
import { abortable, within } from "./abortable.js";
import type { Contender } from "./contender.js";
import { judgeFitness } from "./fitness.js";
import { Pacer } from "./pacing.js";
import type { CandidateLoader, CandidateSession, Conditions, ConditionsReader } from "./ports.js";

/** A process that does not end within this time, ms, is left to its owner. */
const CLOSE_MS = 10_000;

const SILENT: Conditions = {
  cpuFrequencyMhz: null,
  temperatureCelsius: null,
  throttleEvents: null,
  powerMilliwatts: null,
  busyMs: null,
  ownMs: null,
};

export interface WorkbenchTools {
  readonly loader: CandidateLoader;
  readonly conditions: ConditionsReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Logical cores of the device. */
  readonly cores: number;
}

/** A contender with its process. */
export interface Loaded {
  readonly contender: Contender;
  readonly session: CandidateSession;
}

/** The processes that are loaded for a tuning, and what they cost the device. */
export class Workbench {
  readonly #tools: WorkbenchTools;
  readonly #pacer: Pacer;
  readonly #open = new Set<CandidateSession>();
  /** CPU time of all processes at the last reading that was paid for, ms; null where nobody counts. */
  #paidUpToMs: number | null = null;

  /** @param share of the device's CPU time that may be taken, 0 to 1 */
  constructor(share: number, tools: WorkbenchTools) {
    this.#tools = tools;
    this.#pacer = new Pacer(share, tools.cores);
  }

  /** CPU time spent so far, ms. */
  get spentMs(): number {
    return this.#pacer.spentMs;
  }

  /**
   * Opens and verifies. What is loaded and not fit comes back with the contender's error set; undefined when it does not load.
   *
   * @throws the signal's reason
   */
  async load(contender: Contender, signal: AbortSignal): Promise<Loaded | undefined> {
    const { loader, clock } = this.#tools;
    const before = await this.read(signal);
    const startedAt = clock.monotonic();
    const spentMs = this.spentMs;
    // Golden vectors run on all its threads.
    const threads = Math.min(contender.candidate.runtime.intraOpThreads, this.#tools.cores);
    let session: CandidateSession;
    try {
      const opening = loader.open(contender.candidate, signal);
      // Who opens in spite of the abort must not leave a process behind.
      opening.then(
        (late) => {
          if (signal.aborted && !this.#open.has(late)) void this.close(late);
        },
        () => undefined,
      );
      session = await abortable(opening, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      contender.refuse(SartorError.from(thrown));
      // Its process is gone and nobody counted what it took: all its threads all the while is more than it was.
      await this.pause([], clock.monotonic() - startedAt, threads, signal);
      return undefined;
    }
    this.#open.add(session);
    contender.noteLoaded(session);
    const problem = judgeFitness(contender.candidate, session);
    if (problem !== undefined) contender.refuse(problem);
    const loaded = { contender, session };
    await this.noteMemory(loaded, signal);
    const after = await this.read(signal);
    await this.pause([before, after], clock.monotonic() - startedAt, threads, signal, session.inspectionCpuMs);
    contender.noteLoadCost(this.spentMs - spentMs);
    return loaded;
  }

  /** Gives a process back. Never rejects. */
  async close(session: CandidateSession): Promise<void> {
    this.#open.delete(session);
    const { clock, logger } = this.#tools;
    // A session that throws at once is no better than one that rejects.
    const closing = Promise.resolve().then(() => session.close());
    await within(CLOSE_MS, clock, closing, (error) => logger.warn("a candidate's process did not end well", { error }));
  }

  /** Gives every process back. Never rejects. */
  async clear(): Promise<void> {
    await Promise.all([...this.#open].map((session) => this.close(session)));
  }

  async noteMemory({ contender, session }: Loaded, signal: AbortSignal): Promise<void> {
    const bytes = session.memoryBytes().catch(() => undefined);
    contender.noteMemory(await abortable(bytes, signal));
  }

  /** What the device looks like now; a device that cannot say says nothing. */
  async read(signal: AbortSignal): Promise<Conditions> {
    const pids = [...this.#open].flatMap(({ pid }) => pid ?? []);
    const reading = this.#tools.conditions.read(pids).catch(() => SILENT);
    return await abortable(reading, signal);
  }

  /**
   * Pays for what was spent up to the last of some readings and not paid for yet. That is more than between the first and the last: threads that
   * spin go on for some 10 to 500 ms after a run, into the pause that is to pay for it. Where nobody counts CPU time, every thread is taken
   * to have been busy.
   *
   * @param goneMs CPU time of processes that the readings do not hold, ms
   */
  async pause(
    readings: readonly Conditions[],
    wallMs: number,
    threads: number,
    signal: AbortSignal,
    goneMs = 0,
  ): Promise<void> {
    const before = this.#paidUpToMs ?? readings[0]?.ownMs ?? null;
    const after = readings.at(-1)?.ownMs ?? null;
    this.#paidUpToMs = after ?? this.#paidUpToMs;
    const counted = before === null || after === null ? -1 : after - before;
    const pause = this.#pacer.pauseAfter(counted < 0 ? threads * wallMs : counted + goneMs, wallMs);
    if (pause >= 1) await this.#tools.clock.sleep(pause, signal);
  }
}
