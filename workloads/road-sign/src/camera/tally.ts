/** Counts of a running camera. */
export interface TallyCounts {
  /** Frames that were answered. */
  readonly frames: number;
  /** Of these, answered with the class that was rendered. */
  readonly correct: number;
  /** Requests that failed for a reason other than a model that is not ready. */
  readonly failed: number;
}

/** Counts answers, in all and since the last report. */
export class Tally {
  #total: TallyCounts = { frames: 0, correct: 0, failed: 0 };
  #reported: TallyCounts = this.#total;

  /** A frame was answered. */
  answered(correct: boolean): void {
    const { frames, correct: right, failed } = this.#total;
    this.#total = { frames: frames + 1, correct: right + (correct ? 1 : 0), failed };
  }

  /** A request failed. */
  failed(): void {
    this.#total = { ...this.#total, failed: this.#total.failed + 1 };
  }

  get total(): TallyCounts {
    return this.#total;
  }

  /** One line about the time since the last report, and the total. */
  report(): string {
    const recent: TallyCounts = {
      frames: this.#total.frames - this.#reported.frames,
      correct: this.#total.correct - this.#reported.correct,
      failed: this.#total.failed - this.#reported.failed,
    };
    this.#reported = this.#total;
    return `${describe(recent)}; in all ${describe(this.#total)}`;
  }
}

function describe(counts: TallyCounts): string {
  const accuracy = counts.frames === 0 ? "-" : `${((100 * counts.correct) / counts.frames).toFixed(1)} %`;
  return `frames ${counts.frames} correct ${counts.correct} accuracy ${accuracy} failed ${counts.failed}`;
}
