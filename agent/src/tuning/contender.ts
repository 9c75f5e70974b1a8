import type { SartorError } from "@sartor/shared/errors";
import type { TuningCandidate, TuningResult } from "@sartor/shared/protocol";
import { type Interval, medianInterval } from "./bootstrap.js";
import { providerRan } from "./fitness.js";
import type { CandidateSession } from "./ports.js";
import { LEAST_RUNS } from "./rungs.js";
import { seededRandom } from "./seeded-random.js";
import { median, quantile } from "./statistics.js";

/** Latencies on the wire end here, ms. */
const LONGEST_MS = 3_600_000;
const HIGHEST_MILLIWATTS = 10_000_000;

/** What is being compared: a candidate of the order, or what serves now. Gathers what was measured of it. */
export class Contender {
  readonly candidate: TuningCandidate;
  readonly #seed: string;
  readonly #times: number[] = [];
  /** Of rounds that were flawed and counted for another one all the same: what serves has its part in everybody's rounds. */
  readonly #flawedTimes: number[] = [];
  readonly #ratios: number[] = [];
  readonly #milliwatts: number[] = [];
  #interval: Interval | undefined;
  #rounds = 0;
  #flawedRounds = 0;
  #loadCpuMs: number | undefined;
  #roundsCpuMs = 0;
  #peakMemoryBytes: number | undefined;
  #golden: CandidateSession["golden"] | undefined;
  #providerVerified = false;

  outcome: TuningResult["outcome"] = "not_reached";
  error: SartorError | undefined;
  discardedRounds = 0;
  throttled = false;

  /** @param tuningId with the candidate's id it seeds the interval */
  constructor(candidate: TuningCandidate, tuningId: string) {
    this.candidate = candidate;
    this.#seed = `${tuningId} ${candidate.candidateId}`;
  }

  get id(): string {
    return this.candidate.candidateId;
  }

  /** Timed runs that count. */
  get runs(): number {
    return this.#times.length + (this.#needsFlawed ? this.#flawedTimes.length : 0);
  }

  get rounds(): number {
    return this.#rounds + (this.#needsFlawed ? this.#flawedRounds : 0);
  }

  /** True when what counts was measured while the device throttled or was busy, in part at least. */
  get restsOnFlawed(): boolean {
    return this.throttled || (this.#needsFlawed && this.#flawedTimes.length > 0);
  }

  /** Below 64 runs of rounds without a flaw there is nothing better than all of them. */
  get #needsFlawed(): boolean {
    return this.#times.length < LEAST_RUNS;
  }

  /** What a run takes, ms; undefined before the first. */
  get typicalMs(): number | undefined {
    const times = this.#counted();
    return times.length === 0 ? undefined : median(times.slice(-LEAST_RUNS));
  }

  /** CPU time that its last load took, ms; undefined before the first. */
  get loadCpuMs(): number | undefined {
    return this.#loadCpuMs;
  }

  /** CPU time of its rounds, the baseline's blocks and what did not count included, for each timed run that counts, ms. */
  get cpuMsPerRun(): number | undefined {
    return this.runs === 0 ? undefined : this.#roundsCpuMs / this.runs;
  }

  /** Its time by the baseline's; undefined below 64 runs, from which nothing is concluded. */
  get ratio(): Interval | undefined {
    if (this.#ratios.length === 0 || this.runs < LEAST_RUNS) return undefined;
    this.#interval ??= medianInterval(this.#ratios, seededRandom(this.#seed));
    return this.#interval;
  }

  /** It was loaded. */
  noteLoaded(session: CandidateSession): void {
    this.#golden = session.golden;
    this.#providerVerified = providerRan(this.candidate, session);
  }

  noteLoadCost(cpuMs: number): void {
    this.#loadCpuMs = cpuMs;
  }

  noteRoundCost(cpuMs: number): void {
    this.#roundsCpuMs += cpuMs;
  }

  /** It is out of the race for good. */
  refuse(error: SartorError): void {
    this.outcome = "refused";
    this.error = error;
  }

  /** A round counts. `ratio` is undefined for the baseline. */
  noteRound(times: Float64Array, ratio: number | undefined): void {
    for (const time of times) this.#times.push(time);
    this.#rounds += 1;
    if (ratio === undefined) return;
    this.#ratios.push(ratio);
    this.#interval = undefined;
  }

  /** A round that was flawed counts for the one that it was compared with. */
  noteFlawedRound(times: Float64Array): void {
    for (const time of times) this.#flawedTimes.push(time);
    this.#flawedRounds += 1;
  }

  notePower(milliwatts: number | null): void {
    if (milliwatts !== null) this.#milliwatts.push(milliwatts);
  }

  noteMemory(bytes: number | undefined): void {
    if (bytes !== undefined) this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes ?? 0, bytes);
  }

  /** What is reported of it. */
  toResult(): TuningResult {
    const { candidateId, variant, executionProvider, runtime } = this.candidate;
    const times = this.#counted();
    const timeAt = (share: number) => (times.length === 0 ? null : Math.min(LONGEST_MS, quantile(times, share)));
    const { length } = this.#milliwatts;
    const power = length === 0 ? null : this.#milliwatts.reduce((sum, value) => sum + value, 0) / length;
    return {
      candidateId,
      variant,
      executionProvider,
      adapter: runtime.adapter,
      intraOpThreads: runtime.intraOpThreads,
      sessionConfig: runtime.sessionConfig,
      outcome: this.outcome,
      runs: this.runs,
      rounds: this.rounds,
      discardedRounds: this.discardedRounds,
      throttled: this.restsOnFlawed,
      p50Ms: timeAt(0.5),
      p95Ms: timeAt(0.95),
      ratio: this.ratio ?? null,
      peakMemoryBytes: this.#peakMemoryBytes ?? null,
      powerMilliwatts: power === null ? null : Math.min(HIGHEST_MILLIWATTS, Math.max(0, power)),
      providerVerified: this.#providerVerified,
      golden: this.#golden === undefined ? null : sendable(this.#golden),
      error: this.error === undefined ? null : this.error.toBody(),
    };
  }

  #counted(): readonly number[] {
    return this.#needsFlawed ? [...this.#times, ...this.#flawedTimes] : this.#times;
  }
}

/** JSON knows no infinity: outputs that are not numbers are as wrong as numbers can be. */
function sendable({ passed, largestAbsoluteError, topOneAgreement }: CandidateSession["golden"]) {
  const error = Number.isFinite(largestAbsoluteError) ? largestAbsoluteError : Number.MAX_VALUE;
  return { passed, largestAbsoluteError: error, topOneAgreement };
}
