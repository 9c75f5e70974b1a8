/** How far a build is. */
export interface ProgressReport {
  /** 0 to 100, never falls. */
  readonly percent: number;
  readonly step: string;
  /** ms; null while nobody can tell. */
  readonly remainingMs: number | null;
}

/** A step of a build and what it is expected to cost, in units of any size. */
export interface PlannedStep {
  readonly id: string;
  readonly weight: number;
}

/** Below this share, the pace so far says nothing. */
const TELLING = 0.03;
const INTERVAL_MS = 250;

/** Progress over steps of unequal weight. Time left comes from the pace so far. */
export class BuildProgress {
  readonly #open: Map<string, number>;
  readonly #total: number;
  readonly #started: number;
  #step = "";
  #done = 0;
  #share = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param now a clock, ms
   * @param report takes what people see; a few times a second at most, and whenever what is done changes
   */
  constructor(
    steps: readonly PlannedStep[],
    private readonly now: () => number,
    private readonly report: (progress: ProgressReport) => void,
  ) {
    this.#open = new Map(steps.map(({ id, weight }) => [id, weight]));
    this.#total = steps.reduce((sum, { weight }) => sum + weight, 0);
    this.#started = now();
  }

  /** Says what is being done, for people. */
  say(step: string): void {
    if (step === this.#step) return;
    this.#step = step;
    this.#tell();
  }

  /** A part of a step is over: 0 to 1 of it. */
  advance(id: string, share: number): void {
    this.#reach(this.#done + (this.#open.get(id) ?? 0) * Math.min(1, Math.max(0, share)));
    if (this.now() - this.#reportedAt >= INTERVAL_MS) this.#tell();
  }

  /** Steps are over, or turned out to be needless. Unknown and finished ones count nothing. */
  finish(...ids: readonly string[]): void {
    for (const id of ids) {
      this.#done += this.#open.get(id) ?? 0;
      this.#open.delete(id);
    }
    this.#reach(this.#done);
    this.#tell();
  }

  /** Nothing is left to do, also of steps that were given up. */
  end(): void {
    this.finish(...this.#open.keys());
  }

  #reach(done: number): void {
    if (this.#total > 0) this.#share = Math.max(this.#share, Math.min(1, done / this.#total));
  }

  #tell(): void {
    const now = this.now();
    this.#reportedAt = now;
    const elapsed = now - this.#started;
    const remainingMs = this.#share < TELLING ? null : Math.round((elapsed * (1 - this.#share)) / this.#share);
    this.report({ percent: Math.round(this.#share * 1000) / 10, step: this.#step, remainingMs });
  }
}
