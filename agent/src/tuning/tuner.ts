import { SartorError } from "@sartor/shared/errors";
import type { ReportedTuning, TuningEnvironment, TuningOrder, TuningReport } from "@sartor/shared/protocol";
import type { Clock, Logger } from "../platform/index.js";
import type { SettingsStore } from "../storage/index.js";
import { abortable } from "./abortable.js";
import { fetchCandidates } from "./fetch-candidates.js";
import { Measurement } from "./measurement.js";
import type { CandidateLoader, CandidateStore, ConditionsReader, Incumbent } from "./ports.js";
import { TuningRecord } from "./record.js";
import { planStart, type Trigger } from "./start.js";
import { planVerdict } from "./verdict.js";

/** A device whose report or record cannot be written tries again after this time, ms. */
const STORE_RETRY_MS = 30_000;
/** After a measurement that failed, ms; doubled with each. */
const FAILED_WAIT_MS = 10_000;
const ATTEMPTS = 3;
/** Measuring in which the agent dies so often in a row is given up: it may be what kills it, e.g. by the power that it draws. */
const MOST_DEATHS = 3;

/** What a report says; who sends it adds who, when and which. */
export type TuningReportBody = Omit<TuningReport, "schemaVersion" | "deviceId" | "sequence" | "at">;

export interface TunerOptions {
  readonly loader: CandidateLoader;
  readonly store: CandidateStore;
  readonly conditions: ConditionsReader;
  readonly settings: SettingsStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** What serves now, as it is run now. */
  readonly incumbent: () => Incumbent | undefined;
  /** Undefined until the hardware was looked at. */
  readonly environment: () => TuningEnvironment | undefined;
  /** Cores that measuring really runs on, where these are not the environment's: an emulated device has those of the machine that plays it. */
  readonly cores?: number;
  /** False while something else needs the device: a deployment under way, a model that keeps crashing. */
  readonly mayMeasure: () => boolean;
  /** Stores a report for sending; tried again when it throws. */
  readonly report: (body: TuningReportBody) => void;
  /** Runs work in one transaction of the database that settings and reports are stored in. */
  readonly atomically: (work: () => void) => void;
  /** The state changed. */
  readonly onChange: () => void;
}

/** Why an attempt was stopped: another order, something that needs the device, or what serves is not well. */
type Stop = "canceled" | "interrupted" | "disturbed";

/** One attempt at a tuning. */
interface Attempt {
  readonly order: TuningOrder;
  readonly trigger: Trigger;
  /** In which it measures. */
  environment: TuningEnvironment;
  readonly incumbent: Incumbent | undefined;
  measurement?: Measurement;
}

/**
 * Measures what the desired state orders, once for each order and again when the environment changed. Invariants: one attempt at a time;
 * whatever stops it gives every process back; an order counts as done once its report is stored, in the same transaction; what did not end
 * begins anew, a bounded number of times where what serves or the agent itself did not live through it.
 */
export class Tuner {
  readonly #is: TunerOptions;
  readonly #record: TuningRecord;
  #order: TuningOrder | null = null;
  #state: ReportedTuning | null = null;
  #abort = new AbortController();
  #stop: Stop | undefined;
  #underWay = false;
  #wake: () => void = () => undefined;
  #woken = false;
  #failures = 0;
  #notBefore = 0;
  #kept: string | undefined;
  #environmentSeen: { readonly environment: TuningEnvironment; readonly since: number } | undefined;

  constructor(dependencies: TunerOptions) {
    this.#is = dependencies;
    this.#record = new TuningRecord(dependencies.settings);
  }

  /** How the device stands with the tuning that it was ordered. */
  get state(): ReportedTuning | null {
    return this.#state;
  }

  /** Takes what the desired state orders; the same order again changes nothing. Another one, or none, gives up what is under way. */
  accept(order: TuningOrder | null): void {
    if (order?.tuningId === this.#order?.tuningId) return;
    this.#order = order;
    this.#failures = 0;
    this.#notBefore = 0;
    this.#halt("canceled");
    if (order === null) this.#show(null);
    else this.#show("waiting", 0);
    this.wake();
  }

  /** Something needs the device: stops at once, and begins anew when measuring is allowed again. */
  interrupt(reason: string): void {
    if (this.#halt("interrupted")) this.#is.logger.info("a tuning is interrupted and begins anew later", { reason });
    this.wake();
  }

  /** Something changed that a waiting tuner should look at, e.g. a deployment ended or the hardware changed. It looks by itself every few seconds. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const waitMs = await this.#turn(signal);
        if (waitMs > 0) await this.#idle(waitMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#is.logger.error("the tuner met an error that it did not foresee", { error });
        await this.#is.clock.sleep(STORE_RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /** One look at what is wanted, and an attempt at it where it is due. @returns how long to wait for the next, ms */
  async #turn(signal: AbortSignal): Promise<number> {
    const { clock, environment: readEnvironment, incumbent, mayMeasure } = this.#is;
    // What is on trial serves too, and may be taken back.
    if (mayMeasure()) this.#record.noteIncumbent(incumbent(), clock.now());
    const environment = readEnvironment();
    const monotonic = clock.monotonic();
    if (environment !== undefined && !sameEnvironment(environment, this.#environmentSeen?.environment))
      this.#environmentSeen = { environment, since: monotonic };
    const plan = planStart({
      order: this.#order,
      finished: this.#record.finished,
      environment,
      environmentChanged: !sameEnvironment(environment, this.#record.finished?.environment),
      environmentAgeMs: monotonic - (this.#environmentSeen?.since ?? monotonic),
      sinceFinishedMs: clock.now() - (this.#record.finished?.at ?? 0),
      mayMeasure: mayMeasure(),
      notBeforeMs: this.#notBefore - monotonic,
    });
    if (plan.step !== undefined) this.#show(plan.step, plan.step === "done" ? 1 : 0);
    await this.#tidy(plan.step === "done" || this.#order === null ? [] : bundlesOf(this.#order), signal);
    if (plan.start === undefined || environment === undefined || this.#order === null) return plan.waitMs;
    await this.#attempt({ order: this.#order, trigger: plan.start, environment, incumbent: incumbent() }, signal);
    return 0;
  }

  async #attempt(attempt: Attempt, signal: AbortSignal): Promise<void> {
    // Tidying may have taken a while: what was ordered in between comes first.
    if (attempt.order !== this.#order) return;
    this.#abort = new AbortController();
    this.#stop = undefined;
    this.#underWay = true;
    try {
      await this.#measure(attempt, AbortSignal.any([signal, this.#abort.signal]));
      // Withdrawn while its processes were given back: too late for an error, not for being canceled.
      if (this.#stop === "canceled") await this.#fail(attempt, undefined, signal);
      else await this.#conclude(attempt, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      await this.#fail(attempt, thrown, signal);
    } finally {
      this.#underWay = false;
      this.#noteEnded();
    }
  }

  /** The agent lived through it; where that cannot be written, the next attempt finds one death too many. */
  #noteEnded(): void {
    try {
      this.#record.noteEnded();
    } catch (error) {
      this.#is.logger.error("the end of a tuning's measuring could not be stored", { error });
    }
  }

  async #measure(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const { store, clock, logger, random, loader, conditions, mayMeasure } = this.#is;
    const { order, incumbent } = attempt;
    const deaths = this.#record.deathsIn(order.tuningId);
    if (deaths >= MOST_DEATHS)
      throw new SartorError("SRT_TUNING_FAILED", `The agent died ${deaths} times in a row while it measured.`);
    this.#show("downloading", 0);
    const onProgress = (share: number) => this.#show("downloading", share);
    const failures = await fetchCandidates(order.candidates, { store, clock, logger, random, onProgress }, signal);
    // That may have taken a day: the device need not be what it was, nor free.
    const readEnvironment = () => this.#is.environment() ?? attempt.environment;
    attempt.environment = readEnvironment();
    if (!mayMeasure()) this.interrupt("something else needs the device");
    signal.throwIfAborted();
    logger.info("a tuning begins", { tuningId: order.tuningId, candidates: order.candidates.length });
    this.#show("verifying", 0);
    attempt.measurement = new Measurement(order, servesOrdered(attempt) ? incumbent : undefined, failures, {
      loader,
      conditions,
      clock,
      logger,
      random,
      cores: this.#is.cores ?? attempt.environment.logicalCores,
      checkpoint: () => {
        // A deployment says so before it begins: this is what serves, and measuring may be why.
        if (!mayMeasure()) this.#halt("disturbed");
        // Half of it would be filed under what the device no longer is.
        else if (!sameEnvironment(readEnvironment(), attempt.environment)) this.interrupt("its environment changed");
      },
      onProgress: (share) => this.#show("measuring", share),
    });
    this.#record.noteBegun(order.tuningId);
    await attempt.measurement.run(signal);
  }

  /** The measuring came to its end: verdict, report, record. */
  async #conclude(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const { order, measurement } = attempt;
    if (measurement === undefined) return;
    const ordered = new Set(order.candidates.map(({ candidateId }) => candidateId));
    if (!measurement.results().some(({ candidateId, runs }) => runs > 0 && ordered.has(candidateId)))
      return await this.#deliver(
        attempt,
        { status: "failed", error: nothingMeasured(measurement), verdict: null },
        signal,
      );
    const verdict = planVerdict({
      incumbent: servesOther(attempt) ?? measurement.finding(),
      candidates: measurement.finalists(),
      rules: order.rules,
      sinceSwitchMs: this.#record.sinceSwitchMs(this.#is.clock.now()),
    });
    this.#is.logger.info("a tuning ended", {
      tuningId: order.tuningId,
      decision: verdict.decision,
      reason: verdict.reason,
    });
    await this.#deliver(attempt, { status: "succeeded", error: null, verdict }, signal);
  }

  async #fail(attempt: Attempt, thrown: unknown, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#is;
    if (this.#stop === "canceled") {
      // Before anything was measured there is nothing to tell.
      if ((attempt.measurement?.totalRuns ?? 0) > 0)
        await this.#deliver(attempt, { status: "canceled", error: null, verdict: null }, signal);
      return;
    }
    if (this.#stop === "interrupted") return this.#show("waiting", 0);
    const error =
      this.#stop === "disturbed"
        ? new SartorError(
            "SRT_TUNING_FAILED",
            "What serves did not stay well while candidates were measured beside it.",
          )
        : SartorError.from(thrown);
    this.#failures += 1;
    logger.warn("a tuning failed", { tuningId: attempt.order.tuningId, code: error.code, message: error.message });
    // Downloads were tried again already; what failed while measuring, a process that died, may go well another time.
    if (attempt.measurement === undefined || this.#failures >= ATTEMPTS)
      return await this.#deliver(attempt, { status: "failed", error: error.toBody(), verdict: null }, signal);
    this.#notBefore = clock.monotonic() + FAILED_WAIT_MS * 2 ** (this.#failures - 1);
    this.#show("waiting", 0);
  }

  /** Stores report and record together, however long that takes: a kill at any moment neither loses a tuning nor reports it twice. */
  async #deliver(
    { order, trigger, environment, incumbent, measurement }: Attempt,
    result: Pick<TuningReportBody, "status" | "error" | "verdict">,
    signal: AbortSignal,
  ): Promise<void> {
    const { report, atomically, clock, logger } = this.#is;
    const { model, version, tuningId } = order;
    const incumbentId = measurement?.incumbentId ?? null;
    let body: TuningReportBody = {
      tuningId,
      trigger,
      model,
      version,
      environment,
      incumbent: incumbent
        ? { bundleId: incumbent.bundleId, variant: incumbent.variant.name, candidateId: incumbentId }
        : null,
      results: measurement?.results() ?? [],
      totalRuns: measurement?.totalRuns ?? 0,
      durationMs: Math.round(measurement?.durationMs ?? 0),
      cpuShare: measurement?.cpuShare ?? 0,
      ...result,
    };
    for (;;) {
      try {
        atomically(() => {
          report(body);
          const chosen = chosenBy(body.verdict, order);
          if (body.status !== "canceled") this.#record.noteFinished(tuningId, environment, clock.now(), chosen);
        });
        break;
      } catch (thrown) {
        const error = SartorError.from(thrown);
        logger.error("a tuning's report could not be stored and is tried again", { error });
        // No broker would ever take it: that it failed, and why, fits.
        if (error.code === "SRT_PACKET_TOO_LARGE" && body.results.length > 0)
          body = { ...body, status: "failed", error: error.toBody(), results: [], verdict: null };
        await clock.sleep(STORE_RETRY_MS, signal);
      }
    }
    this.#failures = 0;
    if (result.status !== "canceled" && this.#order === order) this.#show("done", 1);
  }

  /** Takes away what was fetched for tunings that are over; what the last verdict chose stays for the rollout that installs it. */
  async #tidy(needed: readonly string[], signal: AbortSignal): Promise<void> {
    const chosen = this.#record.chosenBundleId;
    const keep = new Set([...needed, ...(chosen === undefined ? [] : [chosen])]);
    const key = [...keep].sort().join();
    if (key === this.#kept) return;
    try {
      await abortable(this.#is.store.discard(keep), signal);
      this.#kept = key;
    } catch (error) {
      signal.throwIfAborted();
      this.#is.logger.warn("bundles that were fetched for a tuning could not be removed", { error });
    }
  }

  /** @returns true when an attempt was under way */
  #halt(stop: Stop): boolean {
    if (!this.#underWay) return false;
    // A cancel that follows an interruption is a cancel, not the other way round; else the first reason holds.
    if (this.#stop === undefined || stop === "canceled") this.#stop = stop;
    this.#abort.abort(new DOMException(`the tuning is ${stop}`, "AbortError"));
    return true;
  }

  #show(step: ReportedTuning["step"] | null, share = 0): void {
    const tuningId = this.#order?.tuningId;
    const progress = Math.floor(100 * Math.min(1, Math.max(0, share))) / 100;
    const next = step === null || tuningId === undefined ? null : { tuningId, step, progress };
    const { tuningId: formerId, step: formerStep, progress: former } = this.#state ?? {};
    if (next?.tuningId === formerId && next?.step === formerStep && next?.progress === former) return;
    this.#state = next;
    try {
      this.#is.onChange();
    } catch (error) {
      this.#is.logger.error("a change of the tuning's state could not be told", { error });
    }
  }

  async #idle(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#woken) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.#is.clock.sleep(milliseconds, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
      this.#wake = () => undefined;
    }
    this.#woken = false;
  }
}

/** The candidate that a verdict switches to; undefined where it switches to none. */
const chosenBy = (verdict: TuningReportBody["verdict"], { candidates }: TuningOrder) =>
  candidates.find(({ candidateId }) => verdict?.decision === "switch" && verdict.candidateId === candidateId);

const bundlesOf = (order: TuningOrder) => order.candidates.map(({ bundle }) => bundle.bundleId);

const sameEnvironment = (a: TuningEnvironment | undefined, b: TuningEnvironment | undefined) =>
  a !== undefined &&
  b !== undefined &&
  a.agentVersion === b.agentVersion &&
  a.onnxRuntimeVersion === b.onnxRuntimeVersion &&
  a.powerModeId === b.powerModeId &&
  // Firmware keeps a little more or less for itself from boot to boot.
  Math.abs(a.memoryBytes - b.memoryBytes) <= 0.01 * b.memoryBytes &&
  a.logicalCores === b.logicalCores;

const servesOrdered = ({ incumbent, order }: Attempt) =>
  incumbent?.model === order.model && incumbent.version === order.version;

function servesOther(attempt: Attempt) {
  const { incumbent, order } = attempt;
  if (incumbent === undefined || servesOrdered(attempt)) return undefined;
  const serving = `${incumbent.model} ${incumbent.version}`;
  return { kind: "other_version", serving, ordered: `${order.model} ${order.version}` } as const;
}

/** @returns the error of a tuning in which no candidate could be measured */
function nothingMeasured(measurement: Measurement) {
  const reasons = measurement
    .results()
    .flatMap(({ candidateId, error }) => (error === null ? [] : [`${candidateId}: ${error.message}`]));
  const why = reasons.length === 0 ? "The time budget was spent before the first round." : reasons.join(" ");
  return new SartorError("SRT_TUNING_FAILED", `No candidate could be measured. ${why}`.slice(0, 2000)).toBody();
}
