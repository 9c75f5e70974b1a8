import { SartorError } from "@sartor/shared/errors";
import type { TuningOrder, TuningResult } from "@sartor/shared/protocol";
import { abortable } from "./abortable.js";
import { Contender } from "./contender.js";
import { incumbentAsCandidate } from "./incumbent-candidate.js";
import { waitAfter } from "./pacing.js";
import type { CandidateSession, Incumbent } from "./ports.js";
import { RoundJudge } from "./round-judge.js";
import { ratioOf } from "./round-ratio.js";
import {
  isSettled,
  LEAST_RUNS,
  planBlock,
  planSurvivors,
  planTurnEnd,
  planTurns,
  RUNGS,
  rungOf,
  type Standing,
  TURNS,
  WARM_UPS,
} from "./rungs.js";
import { median } from "./statistics.js";
import type { FitCandidate, IncumbentFinding } from "./verdict.js";
import { type Loaded, Workbench, type WorkbenchTools } from "./workbench.js";

/** At most this part of a rung's rounds is discarded, and at least so many may be; then rounds count as they are. */
const DISCARDED_SHARE = 0.5;
const LEAST_DISCARDED = 4;
/** How much of the progress each rung stands for. */
const RUNG_PROGRESS = [0.6, 0.2, 0.2] as const;

export interface MeasurementTools extends WorkbenchTools {
  /** Uniform in [0, 1); decides who is first in a round. */
  readonly random: () => number;
  /** Called before each load and each round; whoever wants to stop aborts the signal then. */
  readonly checkpoint: () => void;
  /** Share of the measuring that is done, 0 to 1; called before each round. */
  readonly onProgress: (share: number) => void;
}

/**
 * One tuning's measuring: successive halving over the candidates, each in rounds with the incumbent. Two processes at most are loaded
 * beside what serves. All that was measured stays readable when it ends early.
 */
export class Measurement {
  readonly #order: TuningOrder;
  readonly #tools: MeasurementTools;
  readonly #incumbent: Contender | undefined;
  readonly #candidates: readonly Contender[];
  readonly #judge = new RoundJudge();
  readonly #bench: Workbench;
  readonly #startedAt: number;
  #endedAt: number | undefined;
  #baseline: Loaded | undefined;
  #incumbentProblem: { readonly kind: "not_comparable" | "unfit"; readonly problem: string } | undefined;
  #totalRuns = 0;
  #disturbedInARow = 0;
  #candidateFirst: boolean;

  /**
   * @param incumbent what serves, when it is of the ordered model and version
   * @param failures candidates whose bundles could not be had
   */
  constructor(
    order: TuningOrder,
    incumbent: Incumbent | undefined,
    failures: ReadonlyMap<string, SartorError>,
    tools: MeasurementTools,
  ) {
    this.#order = order;
    this.#tools = tools;
    this.#startedAt = tools.clock.monotonic();
    this.#bench = new Workbench(order.budget.maximumCpuShare, tools);
    this.#candidateFirst = tools.random() < 0.5;
    const served = incumbent && incumbentAsCandidate(incumbent, order.candidates);
    this.#incumbent = served && new Contender(served, order.tuningId);
    this.#candidates = order.candidates
      .filter(({ candidateId }) => candidateId !== served?.candidateId)
      .map((candidate) => new Contender(candidate, order.tuningId));
    for (const contender of this.#candidates) {
      const error = failures.get(contender.id);
      if (error !== undefined) contender.refuse(error);
    }
  }

  /** The id under which the incumbent stands among the results. */
  get incumbentId(): string | undefined {
    return this.#incumbent?.id;
  }

  /** Everything that was run so far, timed or not. */
  get totalRuns(): number {
    return this.#totalRuns;
  }

  get durationMs(): number {
    return (this.#endedAt ?? this.#tools.clock.monotonic()) - this.#startedAt;
  }

  /** Share of the device's CPU time that it took so far. */
  get cpuShare(): number {
    return Math.min(1, this.#bench.spentMs / Math.max(1, this.durationMs * this.#tools.cores));
  }

  /** What was measured so far, in the plan's order; the incumbent first where it is none of the candidates. */
  results(): TuningResult[] {
    const all = this.#incumbent === undefined ? this.#candidates : [this.#incumbent, ...this.#candidates];
    const rank = new Map(this.#order.candidates.map(({ candidateId }, position) => [candidateId, position]));
    return [...all].sort((a, b) => (rank.get(a.id) ?? -1) - (rank.get(b.id) ?? -1)).map((each) => each.toResult());
  }

  /** How the incumbent was found, for the verdict. */
  finding(): IncumbentFinding {
    if (this.#incumbent === undefined) return { kind: "none" };
    return { ...(this.#incumbentProblem ?? { kind: "fit" }), id: this.#incumbent.id };
  }

  /** Those that may be chosen, in the plan's order, for the verdict. */
  finalists(): FitCandidate[] {
    const baseline = this.#baseline?.contender;
    const inRace = this.#candidates.filter(
      ({ outcome, runs }) => outcome === "measured" || (outcome === "not_reached" && runs > 0),
    );
    // Whoever beat the others may have died since: then they are the best that there is.
    const eligible = inRace.length > 0 ? inRace : this.#candidates.filter(({ outcome }) => outcome === "eliminated");
    return eligible.map((contender) => ({
      id: contender.id,
      ratio: contender === baseline ? { low: 1, typical: 1, high: 1 } : contender.ratio,
      runs: contender.runs,
      rounds: contender.rounds,
      throttled: contender.restsOnFlawed,
    }));
  }

  /**
   * Measures until the choice is plain, the rungs are climbed or the budget is spent. All processes are given back when it settles.
   *
   * @throws SartorError when the process of the baseline dies; the signal's reason when aborted
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#tools;
    const budget = new AbortController();
    const settled = new AbortController();
    const either = AbortSignal.any([signal, budget.signal]);
    clock.sleep(this.#order.budget.seconds * 1000, settled.signal).then(
      () => budget.abort(new DOMException("the budget is spent", "TimeoutError")),
      () => undefined,
    );
    try {
      await this.#openBaseline(either);
      await this.#climb(either);
    } catch (thrown) {
      if (signal.aborted || !budget.signal.aborted) throw thrown;
    } finally {
      settled.abort();
      this.#endedAt = clock.monotonic();
      await this.#bench.clear();
    }
    for (const contender of [...this.#candidates, ...(this.#incumbent === undefined ? [] : [this.#incumbent])]) {
      if (contender.outcome === "not_reached" && contender.runs >= LEAST_RUNS) contender.outcome = "measured";
    }
  }

  /** What the others are compared with: the incumbent, or the first candidate that is fit to run. */
  async #openBaseline(signal: AbortSignal): Promise<void> {
    if (this.#incumbent !== undefined) {
      const loaded = await this.#load(this.#incumbent, signal);
      const { error } = this.#incumbent;
      if (error !== undefined) {
        // That a second copy does not load, e.g. where the first holds most of an accelerator's memory, says nothing against the first;
        // wrong outputs do, and another provider than asked for.
        const kind = loaded === undefined ? "not_comparable" : "unfit";
        this.#incumbentProblem = { kind, problem: error.message };
      }
      if (loaded !== undefined) {
        this.#baseline = loaded;
        return;
      }
    }
    for (const contender of this.#candidates) {
      if (contender.outcome === "refused") continue;
      const loaded = await this.#load(contender, signal);
      if (loaded === undefined) continue;
      if (contender.error === undefined) {
        this.#baseline = loaded;
        return;
      }
      await this.#bench.close(loaded.session);
    }
  }

  async #climb(signal: AbortSignal): Promise<void> {
    const baseline = this.#baseline;
    if (baseline === undefined) return;
    let field = this.#candidates.filter((each) => each !== baseline.contender && each.outcome !== "refused");
    if (field.length === 0) return await this.#climbAlone(baseline, signal);
    for (const [rung, runs] of RUNGS.entries()) {
      for (let turn = 0; turn < (TURNS[rung] ?? 1); turn++) {
        for (const contender of field) {
          if (contender.error === undefined) await this.#takeTurn(baseline, contender, { rung, turn, field }, signal);
        }
      }
      field = field.filter(({ outcome }) => outcome !== "refused");
      const standings = field.flatMap(({ id, ratio }): Standing[] => (ratio === undefined ? [] : [{ id, ratio }]));
      const rules = {
        minimumGain: this.#order.rules.minimumGain,
        againstIncumbent: baseline.contender === this.#incumbent && this.#incumbentProblem === undefined,
      };
      if (rung === RUNGS.length - 1 || isSettled(standings, rules, runs)) return;
      const survivors = planSurvivors(standings, rung);
      for (const contender of field) if (!survivors.has(contender.id)) contender.outcome = "eliminated";
      field = field.filter(({ id }) => survivors.has(id));
    }
  }

  /** Nothing to compare with: how fast it is still interests plans. */
  async #climbAlone(baseline: Loaded, signal: AbortSignal): Promise<void> {
    const { contender } = baseline;
    const patience = patienceFor(RUNGS[1], contender);
    while (contender.runs < RUNGS[1]) {
      this.#tools.onProgress(contender.runs / RUNGS[1]);
      await this.#round(baseline, undefined, patience, signal);
    }
  }

  /**
   * Brings one candidate to the end of its turn, in a process of its own. How many turns it takes is looked at again before each round, by what
   * loading and its rounds have cost so far; a candidate that climbed the rung in fewer turns than others has nothing left to do.
   */
  async #takeTurn(baseline: Loaded, contender: Contender, at: Turn, signal: AbortSignal): Promise<void> {
    const { rung, turn, field } = at;
    const { maximumCpuShare } = this.#order.budget;
    const { from, until } = rungOf(rung);
    const end = () => {
      const { cpuMsPerRun, loadCpuMs } = contender;
      const runsMs = cpuMsPerRun === undefined ? undefined : cpuMsPerRun * (until - from);
      // Alone it has nobody to take turns with.
      return planTurnEnd(
        rung,
        turn,
        field.length === 1 ? 1 : planTurns(rung, loadCpuMs, runsMs, maximumCpuShare * this.#tools.cores),
      );
    };
    if (contender.runs >= end()) return;
    const loaded = await this.#load(contender, signal);
    if (loaded === undefined) return;
    const patience = patienceFor(end() - contender.runs, contender);
    while (contender.error === undefined && contender.runs < end()) {
      this.#tools.onProgress(progressOf(at));
      await this.#round(baseline, loaded, patience, signal);
    }
    await this.#bench.noteMemory(baseline, signal);
    if (contender.error === undefined) await this.#bench.noteMemory(loaded, signal);
    // What it spent since its last round is known as long as it is there.
    await this.#bench.read(signal);
    await this.#bench.close(loaded.session);
  }

  #load(contender: Contender, signal: AbortSignal): Promise<Loaded | undefined> {
    this.#tools.checkpoint();
    signal.throwIfAborted();
    return this.#bench.load(contender, signal);
  }

  /** A block of each, one right after the other; who is first alternates, so that what changes with time hits both alike. */
  async #round(baseline: Loaded, other: Loaded | undefined, patience: number, signal: AbortSignal): Promise<void> {
    const { clock, checkpoint, cores } = this.#tools;
    checkpoint();
    signal.throwIfAborted();
    this.#candidateFirst = !this.#candidateFirst;
    const pair = other === undefined ? [baseline] : this.#candidateFirst ? [other, baseline] : [baseline, other];
    const startedAt = clock.monotonic();
    const { spentMs } = this.#bench;
    const conditions = [await this.#bench.read(signal)];
    const blocks = new Map<Contender, Float64Array>();
    const count = Math.min(...pair.map(({ contender }) => planBlock(contender.typicalMs)));
    const threads = Math.min(
      cores,
      Math.max(...pair.map(({ contender }) => contender.candidate.runtime.intraOpThreads)),
    );
    for (const { contender, session } of pair) {
      const times = await this.#runBlock(contender, session, count, signal);
      if (times === undefined) {
        // Its process is gone, and with it the count of what its runs took.
        await this.#bench.pause([], clock.monotonic() - startedAt, threads, signal);
        return;
      }
      blocks.set(contender, times);
      const reading = await this.#bench.read(signal);
      contender.notePower(reading.powerMilliwatts);
      conditions.push(reading);
    }
    const wallMs = clock.monotonic() - startedAt;
    const medians = new Map([...blocks].map(([{ id }, times]) => [id, median(times)]));
    const flaw = this.#judge.judge({ conditions, wallMs, cores, medians, baselineId: baseline.contender.id });
    const subject = (other ?? baseline).contender;
    // Too many were discarded: this is how the device is, and the result says so.
    if (flaw !== undefined && subject.discardedRounds >= patience) subject.throttled = true;
    const counts = flaw === undefined || subject.throttled;
    if (counts) noteBlocks(baseline.contender, other?.contender, blocks, flaw !== undefined);
    else subject.discardedRounds += 1;
    await this.#bench.pause(conditions, wallMs, threads, signal);
    subject.noteRoundCost(this.#bench.spentMs - spentMs);
    this.#disturbedInARow = counts ? 0 : this.#disturbedInARow + 1;
    if (flaw === undefined || counts) return;
    await clock.sleep(waitAfter(flaw, this.#disturbedInARow, wallMs), signal);
  }

  /** @returns undefined when a candidate's process died; the baseline's is missed too much to go on */
  async #runBlock(
    contender: Contender,
    session: CandidateSession,
    count: number,
    signal: AbortSignal,
  ): Promise<Float64Array | undefined> {
    try {
      this.#totalRuns += count + WARM_UPS;
      const times = await abortable(session.run(count, WARM_UPS, signal), signal);
      if (times.length === 0 || times.some((time) => !(time >= 0 && Number.isFinite(time))))
        throw new SartorError("SRT_INFERENCE_FAILED", "The runs came back without usable times.");
      return times;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = SartorError.from(thrown, "SRT_INFERENCE_FAILED");
      if (session === this.#baseline?.session) throw error;
      contender.refuse(error);
      return undefined;
    }
  }
}

/** Where in the climb a candidate's turn is. */
interface Turn {
  readonly rung: number;
  readonly turn: number;
  /** Who climbs this rung. */
  readonly field: readonly Contender[];
}

/** Share of the whole climb that is done. */
function progressOf({ rung, field }: Turn): number {
  const { from, until } = rungOf(rung);
  const shareOf = ({ runs, error }: Contender) =>
    error === undefined ? Math.min(1, (runs - from) / (until - from)) : 1;
  const climbed = field.reduce((sum, contender) => sum + shareOf(contender), 0) / field.length;
  const before = RUNG_PROGRESS.slice(0, rung).reduce((sum, share) => sum + share, 0);
  return before + climbed * (RUNG_PROGRESS[rung] ?? 0);
}

function patienceFor(runs: number, contender: Contender): number {
  const rounds = runs / planBlock(contender.typicalMs);
  return contender.discardedRounds + Math.max(LEAST_DISCARDED, Math.ceil(DISCARDED_SHARE * rounds));
}

function noteBlocks(
  baseline: Contender,
  other: Contender | undefined,
  blocks: ReadonlyMap<Contender, Float64Array>,
  flawed: boolean,
): void {
  const ofBaseline = blocks.get(baseline);
  if (ofBaseline === undefined) return;
  // A ratio holds while the device throttles, a time does not: the baseline has other rounds, and its result does not say that it throttled.
  if (flawed && other !== undefined) baseline.noteFlawedRound(ofBaseline);
  else baseline.noteRound(ofBaseline, undefined);
  const ofOther = other && blocks.get(other);
  if (ofOther !== undefined) other?.noteRound(ofOther, ratioOf(median(ofOther), median(ofBaseline)));
}
