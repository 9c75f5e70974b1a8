import { SartorError } from "@sartor/shared/errors";
import type { TuningCandidate } from "@sartor/shared/protocol";
import type { CandidateLoader, CandidateSession, Conditions, ConditionsReader } from "../ports.js";
import { seededRandom } from "../seeded-random.js";
import { VirtualClock } from "./virtual-clock.js";

/** How a simulated device misbehaves. Everything is off unless it is asked for. */
export interface Weather {
  /** Standard deviation of the logarithm of one run's time. */
  readonly noise?: number;
  /** One in so many runs is interrupted and takes several times as long. */
  readonly spikes?: number;
  /** How much one process of a candidate differs from the next, as the standard deviation of a logarithm. */
  readonly processes?: number;
  /** Factor on every time at a moment, e.g. slow heating. */
  readonly drift?: (atMs: number) => number;
  /** Share of the full clock at a moment. */
  readonly clock?: (atMs: number) => number;
  /** Throttle events counted up to a moment. */
  readonly throttleEvents?: (atMs: number) => number;
  /** CPU time that others took up to a moment, ms. */
  readonly others?: (atMs: number) => number;
  /** Factor on the times of whoever runs first after a pause, as where the clock has to rise again. */
  readonly afterPause?: number;
  /** A device that counts nothing. */
  readonly silent?: boolean;
}

/** What a simulated candidate does. */
export interface Behaviour {
  /** Time of a run at full clock, ms. */
  readonly runMs: number;
  readonly goldenFails?: boolean;
  readonly ranOn?: readonly string[];
  readonly openError?: SartorError;
  /** CPU time that loading takes, ms. */
  readonly openMs?: number;
  /** Its process dies at this run, counted over all its processes. */
  readonly diesAtRun?: number;
  /** How long its process hangs, all its threads busy, before it dies, ms. */
  readonly dyingMs?: number;
  /** How long one of its threads spins on after a block, ms. */
  readonly spinsOnMs?: number;
}

const NOMINAL_MHZ = 2_000;
export const SIMULATED_CORES = 4;
/** Loading takes this long where nothing else is said, ms, and keeps one core busy. */
const OPEN_MS = 400;

/** A device on a virtual clock: loads, times and accounts as a real one does, with noise that a seed decides. */
export class SimulatedDevice implements CandidateLoader, ConditionsReader {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  /** Most processes that were loaded at once. */
  mostOpen = 0;
  opened = 0;
  /** How often each candidate was loaded. */
  readonly openings = new Map<string, number>();
  readonly open_ = new Set<CandidateSession>();
  /** Called when a process was closed. */
  whenClosed: () => void = () => undefined;
  readonly #behaviours: ReadonlyMap<string, Behaviour>;
  readonly #weather: Weather;
  readonly #runs = new Map<string, number>();
  #ownMs = 0;
  readonly #spinning: { readonly from: number; readonly ms: number }[] = [];
  #ranUntil = 0;
  #pid = 100;

  /** @param behaviours by candidate id */
  constructor(seed: string, behaviours: Readonly<Record<string, Behaviour>>, weather: Weather = {}) {
    this.random = seededRandom(seed);
    this.#behaviours = new Map(Object.entries(behaviours));
    this.#weather = weather;
  }

  /** CPU time that candidates took, ms. */
  get ownMs(): number {
    const at = this.clock.monotonic();
    return this.#spinning.reduce((sum, { from, ms }) => sum + Math.min(ms, at - from), this.#ownMs);
  }

  async open(candidate: TuningCandidate, signal: AbortSignal): Promise<CandidateSession> {
    const behaviour = this.#behaviours.get(candidate.candidateId) ?? { runMs: 1 };
    const { openMs = OPEN_MS } = behaviour;
    await this.clock.sleep(openMs, signal);
    this.#ownMs += openMs;
    if (behaviour.openError !== undefined) throw behaviour.openError;
    const factor = Math.exp((this.#weather.processes ?? 0) * this.#normal());
    const session: CandidateSession = {
      pid: this.#pid++,
      executionProviders: behaviour.ranOn ?? ["CPUExecutionProvider"],
      golden:
        behaviour.goldenFails === true
          ? { passed: false, largestAbsoluteError: 7.5, topOneAgreement: 0.25 }
          : { passed: true, largestAbsoluteError: 1e-5, topOneAgreement: 1 },
      run: (count, warmUps, runSignal) => this.#run(candidate, behaviour, factor, count, warmUps, runSignal),
      memoryBytes: async () => 50_000_000 + 1_000_000 * factor,
      close: async () => {
        this.open_.delete(session);
        this.whenClosed();
      },
    };
    this.opened += 1;
    this.openings.set(candidate.candidateId, (this.openings.get(candidate.candidateId) ?? 0) + 1);
    this.open_.add(session);
    this.mostOpen = Math.max(this.mostOpen, this.open_.size);
    return session;
  }

  async read(): Promise<Conditions> {
    const at = this.clock.monotonic();
    const { silent, clock, throttleEvents, others } = this.#weather;
    return {
      cpuFrequencyMhz: silent ? null : NOMINAL_MHZ * (clock?.(at) ?? 1),
      temperatureCelsius: silent ? null : 55,
      throttleEvents: silent ? null : (throttleEvents?.(at) ?? 0),
      powerMilliwatts: silent ? null : 4_000,
      busyMs: silent ? null : this.ownMs + (others?.(at) ?? 0),
      ownMs: silent ? null : this.ownMs,
    };
  }

  async #run(
    { candidateId, runtime }: TuningCandidate,
    { runMs, diesAtRun, dyingMs = 0, spinsOnMs = 0 }: Behaviour,
    factor: number,
    count: number,
    warmUps: number,
    signal: AbortSignal,
  ): Promise<Float64Array> {
    const { noise = 0, spikes, drift, clock, afterPause = 1 } = this.#weather;
    const before = this.#runs.get(candidateId) ?? 0;
    this.#runs.set(candidateId, before + warmUps + count);
    if (diesAtRun !== undefined && before + warmUps + count >= diesAtRun) {
      if (dyingMs > 0) await this.clock.sleep(dyingMs, signal);
      throw new SartorError("SRT_INFERENCE_FAILED", "The process ended.");
    }
    const times = new Float64Array(warmUps + count);
    let at = this.clock.monotonic();
    const pace = runMs * factor * (at > this.#ranUntil ? afterPause : 1);
    for (let index = 0; index < times.length; index++) {
      const spike = spikes !== undefined && this.random() < 1 / spikes ? 2 + 8 * this.random() : 1;
      const time = (pace * spike * Math.exp(noise * this.#normal()) * (drift?.(at) ?? 1)) / (clock?.(at) ?? 1);
      times[index] = time;
      at += time;
    }
    const took = at - this.clock.monotonic();
    await this.clock.sleep(took, signal);
    this.#ranUntil = this.clock.monotonic();
    this.#ownMs += took * runtime.intraOpThreads;
    if (spinsOnMs > 0) this.#spinning.push({ from: this.clock.monotonic(), ms: spinsOnMs });
    return times.slice(warmUps);
  }

  /** Box and Muller's normal deviate. */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
  }
}
