/** Prints what happens, with the seconds since `npm start` began. */
export class Progress {
  readonly #startedAt: number;
  readonly #write: (line: string) => void;

  constructor(startedAt: number, write: (line: string) => void = (line) => process.stdout.write(line)) {
    this.#startedAt = startedAt;
    this.#write = write;
  }

  /** Seconds since the start. */
  elapsed(): number {
    return (Date.now() - this.#startedAt) / 1000;
  }

  say(message: string): void {
    this.#write(`[${this.elapsed().toFixed(1).padStart(6)} s] ${message}\n`);
  }

  /** A line without a time: summaries. */
  line(text = ""): void {
    this.#write(`${text}\n`);
  }
}
