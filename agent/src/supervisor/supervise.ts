import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { SartorError } from "@sartor/shared/errors";
import type { Clock, Logger } from "../platform/index.js";
import { planCommit, planRollBack, planStart, type StartPlan } from "./plan-start.js";
import { PROVED } from "./proved.js";
import type { ReleaseStore } from "./release-store.js";

/** Longest orderly end of an agent, ms; then it is killed. */
const STOP_MS = 15_000;
/** How often a new release is looked for, ms. */
const LOOK_MS = 2_000;
/** Pauses before a committed release that ended by itself is started again, ms. */
const RESTART_MS = { first: 1_000, longest: 60_000 };
/** A committed release that ran for so long has done nothing wrong lately, ms. */
const STEADY_MS = 300_000;

export interface SupervisorOptions {
  readonly store: ReleaseStore;
  /** Time that a release has to prove itself, ms. */
  readonly trialMs: number;
  /** What the agent gets of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lookMs?: number;
  readonly restartMs?: typeof RESTART_MS;
  readonly stopMs?: number;
}

/** How a run of the agent ended. */
type Ending = "ended" | "proved too late" | "another release waits" | "told to stop";

/**
 * Runs the agent: the committed release, or one on trial, which is killed and given up unless it proves itself in time. Whatever is decided is written
 * down before it is done, so that a kill at any moment leaves the committed release, and a trial that is counted.
 *
 * @throws SartorError SRT_CONFIG_INVALID where no release was installed
 */
export class Supervisor {
  readonly #is: SupervisorOptions;

  constructor(options: SupervisorOptions) {
    this.#is = options;
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, logger, restartMs = RESTART_MS } = this.#is;
    let failures = 0;
    while (!signal.aborted) {
      const known = store.load();
      if (known === undefined)
        throw new SartorError(
          "SRT_CONFIG_INVALID",
          "No release of the agent is installed: sartor-supervisor install FOLDER.",
        );
      const plan = this.#plan(store.takeRequest(known) ?? known);
      const began = clock.monotonic();
      const ending = await this.#runOnce(plan, signal);
      if (ending === "told to stop" || ending === "another release waits") continue;
      if (plan.isProvisional) {
        const state = store.load();
        // One that ran into its deadline had its time; one that ended may have had bad luck, and its starts are counted.
        if (ending === "proved too late" && state?.trial) {
          store.save(planRollBack(state));
          logger.error("the agent's release did not prove itself in time and is given up", { ...plan.start });
        }
      }
      failures = clock.monotonic() - began >= STEADY_MS ? 1 : failures + 1;
      const pause = plan.isProvisional
        ? restartMs.first
        : Math.min(restartMs.longest, restartMs.first * 2 ** Math.min(failures - 1, 16));
      logger.warn("the agent ended", { ...plan.start, ending, pauseMs: pause });
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  #plan(known: Parameters<typeof planStart>[0]): StartPlan {
    const { store, logger } = this.#is;
    let plan = planStart(known);
    // A trial that the disk has damaged is not even started.
    if (plan.isProvisional && !store.isWhole(plan.start.slot)) plan = planStart(planRollBack(plan.state));
    if (plan.state !== known) store.save(plan.state);
    if (plan.gaveUp !== undefined)
      logger.error("the agent's release ended again and again before it proved itself and is given up", {
        ...plan.gaveUp,
      });
    return plan;
  }

  async #runOnce({ start, isProvisional }: StartPlan, signal: AbortSignal): Promise<Ending> {
    const { store, environment, logger, trialMs, lookMs = LOOK_MS } = this.#is;
    const program = store.read(start.slot)?.program;
    if (program === undefined) return "ended";
    logger.info("the agent starts", { ...start, isProvisional });
    const child = spawn(program, [], {
      env: { ...environment, SARTOR_SUPERVISED: isProvisional ? "provisional" : "committed" },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const gone = endOf(child);
    const timers = new AbortController();
    const waits: Promise<Ending>[] = [gone.then((): Ending => "ended"), whenAborted(signal)];
    if (isProvisional) {
      const proved = whenProved(child).then(() => {
        const state = store.load();
        if (state?.trial?.releaseId !== start.releaseId) return;
        store.save(planCommit(state));
        timers.abort();
        logger.info("the agent's release proved itself and is kept", { ...start });
      });
      waits.push(after(trialMs, timers.signal, "proved too late"));
      void proved;
    }
    waits.push(this.#untilRequested(lookMs, gone));
    const ending = await Promise.race(waits);
    timers.abort();
    if (ending === "proved too late") child.kill("SIGKILL");
    else if (ending !== "ended") await this.#stop(child, gone);
    await gone;
    return ending;
  }

  /** Resolves when a release waits to be tried; never when the agent is gone before. */
  async #untilRequested(lookMs: number, gone: Promise<void>): Promise<Ending> {
    const { store, clock } = this.#is;
    let isGone = false;
    void gone.then(() => {
      isGone = true;
    });
    while (!isGone) {
      await clock.sleep(lookMs);
      const state = store.load();
      if (!isGone && state !== undefined && state.trial === null && store.takeRequest(state) !== undefined)
        return "another release waits";
    }
    return new Promise(() => undefined);
  }

  async #stop(child: ChildProcess, gone: Promise<void>): Promise<void> {
    child.kill("SIGTERM");
    const timers = new AbortController();
    const ended = await Promise.race([
      gone.then(() => true),
      after(this.#is.stopMs ?? STOP_MS, timers.signal, "ended").then(() => false),
    ]);
    timers.abort();
    if (!ended) child.kill("SIGKILL");
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    // A program that cannot be started never exits.
    child.once("error", () => resolve());
  });
}

async function whenProved(child: ChildProcess): Promise<void> {
  for (;;) {
    const [message] = await once(child, "message");
    if (message === PROVED) return;
  }
}

function whenAborted(signal: AbortSignal): Promise<Ending> {
  if (signal.aborted) return Promise.resolve("told to stop");
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve("told to stop"), { once: true }));
}

/** Resolves after so long, ms; never when the signal comes before. */
function after(ms: number, signal: AbortSignal, ending: Ending): Promise<Ending> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(ending), ms);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}
