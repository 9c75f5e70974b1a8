/** What can wait: it has a name, and a size that says how long its making takes. */
export interface Queueable {
  readonly deltaId: string;
  /** Bytes that have to be gone through. */
  readonly bytes: number;
}

/** Where something stands; `aheadBytes` is what has to be gone through until it is there, its own bytes included. */
export type DeltaPlace =
  | { readonly kind: "making" | "waiting"; readonly aheadBytes: number }
  /** Too much waits, or too much of whoever asked. */
  | { readonly kind: "full" };

export interface DeltaQueueLimits {
  /** Most that waits altogether. */
  readonly waiting: number;
  /** Most that waits of one who asks. */
  readonly ofOne: number;
}

/**
 * What is to be made, one after the other in the order of asking. Who asks for what waits already, or is being made, adds nothing. One who asks
 * cannot fill it for the others.
 */
export class DeltaQueue<Item extends Queueable> {
  readonly #limits: DeltaQueueLimits;
  /** In their order. */
  readonly #waiting = new Map<string, { readonly item: Item; readonly by: string }>();
  #current: Item | undefined;

  constructor(limits: DeltaQueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** @param ofOne how much may wait of whoever asks, where it is not as usual */
  add(item: Item, by: string, ofOne = this.#limits.ofOne): DeltaPlace {
    const place = this.place(item.deltaId);
    if (place !== undefined) return place;
    const own = [...this.#waiting.values()].filter((entry) => entry.by === by).length;
    if (this.#waiting.size >= this.#limits.waiting || own >= ofOne) return { kind: "full" };
    this.#waiting.set(item.deltaId, { item, by });
    return this.place(item.deltaId) ?? { kind: "full" };
  }

  /** Where something stands; undefined where it neither waits nor is being made. */
  place(deltaId: string): DeltaPlace | undefined {
    let aheadBytes = this.#current?.bytes ?? 0;
    if (this.#current?.deltaId === deltaId) return { kind: "making", aheadBytes };
    if (!this.#waiting.has(deltaId)) return undefined;
    for (const [waiting, { item }] of this.#waiting) {
      aheadBytes += item.bytes;
      if (waiting === deltaId) break;
    }
    return { kind: "waiting", aheadBytes };
  }

  /** The next one, which is being made from now on until {@link end}; undefined where nothing waits or one is being made. */
  take(): Item | undefined {
    const [next] = this.#waiting.values();
    if (this.#current !== undefined || next === undefined) return undefined;
    this.#waiting.delete(next.item.deltaId);
    this.#current = next.item;
    return next.item;
  }

  /** What was taken is made, or will not be. */
  end(): void {
    this.#current = undefined;
  }
}
