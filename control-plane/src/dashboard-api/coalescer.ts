/**
 * Gathers changes of many things and hands over each thing once a window: the newest word on it. The first change opens the
 * window; nothing waits longer than that.
 */
export class Coalescer<T> {
  readonly #pending = new Map<string, T>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param windowMs length of a window, ms
   * @param deliver gets what changed in a window, in the order in which the things first changed
   */
  constructor(
    private readonly windowMs: number,
    private readonly deliver: (changes: readonly T[]) => void,
  ) {}

  add(key: string, change: T): void {
    this.#pending.set(key, change);
    this.#timer ??= setTimeout(() => this.flush(), this.windowMs).unref();
  }

  flush(): void {
    this.stop();
    const changes = [...this.#pending.values()];
    this.#pending.clear();
    if (changes.length > 0) this.deliver(changes);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
